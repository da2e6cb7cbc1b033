using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Inference.Backends.Cuda.SlabEncoding;

/// <summary>What Kernels/encode_stored.cu needs to know of one layer beside its table.</summary>
internal sealed class StoredEncodeLayer
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int GroupLength = 16;

    /// <summary>Of a list: position, slot and value.</summary>
    private const int FloatsPerOutlier = 3;

    /// <summary>Counters, and a range for each thread.</summary>
    private const int LeastRegionBytes = 16 + (StoredEncodePlan.ThreadCount * 2 * sizeof(float));

    /// <summary>Of distances from means that are counted together, beside counters and sums of warps.</summary>
    private const int HistogramBytes = 16 + (StoredEncodePlan.ThreadCount / 32 * sizeof(int)) + (1024 * sizeof(int));

    /// <param name="table">Of the layer.</param>
    /// <param name="keepsKeys">Matrices of K stand in scratch.</param>
    /// <param name="keepsValues">Those of V.</param>
    public StoredEncodeLayer(PayloadTable table, bool keepsKeys, bool keepsValues)
    {
        SizeBytes = table.SizeBytes;
        SliceCount = (table.Heads.Max(head => Math.Max(head.KeyChannelCount, head.ValueChannelCount)) + StoredEncodePlan.SliceLength - 1) / StoredEncodePlan.SliceLength;
        Zeros = FindZeros(table);

        // First the range of each token of K and of V.
        ScratchFloats = 2 * 2 * Tokens * table.Heads.Count;
        Places = [.. table.Heads.Select(head => new EncodePlace
        {
            KeyLatent = Take(keepsKeys ? Tokens * head.KeyChannelCount : 0),
            ValueLatent = Take(keepsValues ? Tokens * head.ValueChannelCount : 0),
            KeyOutliers = Take(FloatsPerOutlier * (head.KeyResidual?.OutlierCount ?? 0)),
            ValueOutliers = Take(FloatsPerOutlier * (head.ValueResidual?.OutlierCount ?? 0)),
            KeyChannels = Take(head.Keys[0].StepOffset < 0 ? 0 : head.KeyChannelCount),
            ValueChannels = Take(head.Values[0].StepOffset < 0 ? 0 : head.ValueChannelCount),
        })];
    }

    /// <summary>Of a payload.</summary>
    public int SizeBytes { get; }

    /// <summary>Blocks of threads of <c>project_stored</c> for a matrix.</summary>
    public int SliceCount { get; }

    /// <summary>Bytes that nothing in the table has: padding.</summary>
    public IReadOnlyList<(int At, int Bytes)> Zeros { get; }

    /// <summary>By latent head.</summary>
    public EncodePlace[] Places { get; }

    /// <summary>Of an item.</summary>
    public int ScratchFloats { get; private set; }

    /// <summary>Shared memory beside the matrix, for the stage that needs most.</summary>
    public static int RegionBytes(int channels, int rows, int columns, StoredResidual? residual)
    {
        int codes = LeastRegionBytes + (sizeof(float) * Math.Max(2 * channels, 3 * rows));
        int outliers = residual is not { OutlierCount: > 0 } ? 0 : HistogramBytes + (sizeof(float) * rows) + (2 * sizeof(ushort) * rows * columns / GroupLength);
        int rank = residual?.Rank ?? 0;
        int fit = GroupLength + (sizeof(float) * ((rank * (rows + (2 * columns))) + (rank * rank))) + (sizeof(double) * ((2 * rank * rank) + rank));
        return (Math.Max(codes, Math.Max(outliers, fit)) + GroupLength - 1) / GroupLength * GroupLength;
    }

    private int Take(int floats)
    {
        int start = ScratchFloats;
        ScratchFloats += (floats + 3) & -4;
        return floats == 0 ? EncodePlace.None : start;
    }

    private static List<(int At, int Bytes)> FindZeros(PayloadTable table)
    {
        bool[] isKnown = new bool[table.SizeBytes];
        void Mark(int at, int bytes) => isKnown.AsSpan(at, bytes).Fill(true);
        foreach (StoredHead head in table.Heads)
        {
            foreach (CodeRun run in head.Keys.Concat(head.Values))
            {
                Mark(run.Offset, run.BitCount * run.ChannelCount * run.TokenCount / 8);
                int count = run.Parameters switch { CodeParameters.Token => run.TokenCount, CodeParameters.Channel => run.ChannelCount, _ => 0 };
                Mark(Math.Max(run.ScaleOffset, 0), sizeof(ushort) * count);
                Mark(Math.Max(run.ZeroOffset, 0), sizeof(ushort) * count);
                Mark(Math.Max(run.StepOffset, 0), run.StepOffset < 0 ? 0 : run.ChannelCount / 2);
                Mark(Math.Max(run.GreatestOffset, 0), run.GreatestOffset < 0 ? 0 : 1);
            }

            foreach (StoredResidual residual in new[] { head.KeyResidual, head.ValueResidual }.OfType<StoredResidual>())
            {
                Mark(residual.ScaleOffset, sizeof(float) * residual.Rank);
                Mark(residual.LeftOffset, residual.Rank * residual.RowCount / 2);
                Mark(residual.RightOffset, residual.Rank * residual.ColumnCount / 2);
                Mark(residual.OutlierScaleOffset, residual.SlotCount == 0 ? 0 : sizeof(float));
                Mark(residual.GapOffset, residual.SlotCount);
                Mark(residual.OutlierCodeOffset, residual.SlotCount);
            }
        }

        var zeros = new List<(int At, int Bytes)>();
        for (int at = 0; at < isKnown.Length;)
        {
            int end = at;
            while (end < isKnown.Length && isKnown[end] == isKnown[at])
            {
                end++;
            }

            if (!isKnown[at])
            {
                zeros.Add((at, end - at));
            }

            at = end;
        }

        return zeros;
    }
}
