using System.Runtime.InteropServices;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Inference.Backends.Cuda.Stored;

/// <summary>Lays out the tables of one layer as Kernels/stored.cuh reads them.</summary>
internal sealed class TableBuilder
{
    /// <summary>Of <c>struct StoredHead</c>, <c>StoredRun</c> and <c>StoredResidual</c>.</summary>
    private const int HeadInts = 20 + (2 * ResidualInts);
    private const int RunInts = 12;
    private const int ResidualInts = 12;
    private const int SpanInts = 4;
    private const int None = -1;

    private readonly List<int> _heads = [];
    private readonly List<int> _runs = [];
    private readonly List<int> _members = [];
    private readonly List<float> _maps = [];
    private readonly List<int> _spans = [];

    /// <param name="table">Of the codec, or what is staged of it.</param>
    /// <param name="spans">By head, what is staged; null: nothing.</param>
    public TableBuilder(PayloadTable table, IReadOnlyList<IReadOnlyList<StagedSpan>>? spans = null)
    {
        for (int head = 0; head < table.Heads.Count; head++)
        {
            Add(table.Heads[head], table.Groups?[head], head, spans?[head] ?? []);
        }
    }

    /// <summary>Of one head's tables as stored_attention.cu keeps them, at a multiple of 128.</summary>
    public static int BytesOf(int runCount, int spanCount) => ((sizeof(int) * (HeadInts + (RunInts * runCount) + (SpanInts * spanCount))) + 127) & -128;

    public ReadOnlySpan<byte> Heads => MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_heads));

    public ReadOnlySpan<byte> Runs => MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_runs));

    public ReadOnlySpan<byte> Members => MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_members));

    public ReadOnlySpan<byte> Spans => MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_spans));

    public ReadOnlySpan<byte> Maps => MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_maps));

    private void Add(StoredHead head, HeadGroup? group, int index, IReadOnlyList<StagedSpan> spans)
    {
        int start = _heads.Count, firstRun = _runs.Count / RunInts, firstMember = _members.Count;
        foreach (CodeRun run in head.Keys.Concat(head.Values))
        {
            _runs.AddRange(
                (int)run.Parameters, run.BitCount, run.Offset, run.FirstChannel, run.ChannelCount, run.FirstToken, run.TokenCount,
                run.ScaleOffset, run.ZeroOffset, run.StepOffset, run.GreatestOffset, 0);
        }

        _members.AddRange(group?.KvHeads ?? [index]);
        _heads.AddRange(head.KeyChannelCount, head.ValueChannelCount, firstRun, firstRun + head.Keys.Count, head.Keys.Count, head.Values.Count);
        _heads.AddRange(_members.Count - firstMember, firstMember);
        _heads.AddRange(group is null
            ? [None, None, None, None, None, None, None, None, None]
            :
            [
                AddMap(group.KeyMap), AddMap(group.ValueMap), AddMap(group.QueryMap),
                AddMap(Transpose(group.QueryMap, group.KeyRank)), AddMap(Transpose(group.OutputMap, group.ValueRank)),
                AddMap(group.KeyMean), AddMap(group.ValueMean),
                AddMap(LatentMean(group.KeyMean, group.KeyMap, group.KeyRank)), AddMap(LatentMean(group.ValueMean, group.ValueMap, group.ValueRank)),
            ]);
        _heads.AddRange(_spans.Count / SpanInts, spans.Count, 0);
        foreach (StagedSpan span in spans)
        {
            _spans.AddRange(span.From, span.To, span.SizeBytes, 0);
        }

        Add(head.KeyResidual);
        Add(head.ValueResidual);
        if (_heads.Count - start != HeadInts)
        {
            throw new InvalidOperationException($"A head took {_heads.Count - start} numbers, and stored.cuh has {HeadInts}.");
        }
    }

    private void Add(StoredResidual? residual)
    {
        if (residual is null)
        {
            _heads.AddRange(new int[ResidualInts]);
            return;
        }

        _heads.AddRange(
            residual.RowCount, residual.ColumnCount, residual.Rank, residual.OutlierCount, residual.SlotCount, residual.ScaleOffset,
            residual.LeftOffset, residual.RightOffset, residual.OutlierScaleOffset, residual.GapOffset, residual.OutlierCodeOffset, 0);
    }

    /// <summary>At a multiple of 16 bytes.</summary>
    private int AddMap(float[] map)
    {
        if (map.Length == 0)
        {
            return None;
        }

        while (_maps.Count % 4 != 0)
        {
            _maps.Add(0);
        }

        int offset = _maps.Count;
        _maps.AddRange(map);
        return offset;
    }

    private static float[] Transpose(float[] matrix, int columnCount)
    {
        int rowCount = matrix.Length / columnCount;
        float[] transposed = new float[matrix.Length];
        for (int i = 0; i < matrix.Length; i++)
        {
            transposed[(i % columnCount * rowCount) + (i / columnCount)] = matrix[i];
        }

        return transposed;
    }

    /// <summary>What the map makes of the negative mean, to be added to what it makes of K or V.</summary>
    private static float[] LatentMean(float[] mean, float[] map, int rank)
    {
        double[] latent = new double[mean.Length == 0 ? 0 : rank];
        for (int i = 0; i < mean.Length * rank; i++)
        {
            latent[i % rank] -= (double)mean[i / rank] * map[i];
        }

        return [.. latent.Select(value => (float)value)];
    }
}
