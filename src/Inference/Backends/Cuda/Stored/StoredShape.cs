using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Inference.Backends.Cuda.Stored;

/// <summary>What the kernels of a codec's stored payloads are compiled for: the largest of all layers and heads, the open Blocks' included.</summary>
/// <param name="HeadSize">Channels of a KV head.</param>
/// <param name="WarpCount">Of attention's blocks of threads.</param>
/// <param name="QueryTileCount">Query heads of a latent head, by eights.</param>
/// <param name="ValueTileCount">Channels of V that a warp adds to, by sixteens.</param>
/// <param name="KeyChannelCount">Most of a latent head.</param>
/// <param name="ValueChannelCount">Most of a latent head.</param>
/// <param name="StageCount">Payloads of a latent head on their way to shared memory, or there.</param>
/// <param name="StageBytes">Of one, the largest.</param>
/// <param name="TableBytes">Of the tables of one head, the largest.</param>
/// <param name="AttendSharedBytes">Shared memory of stored_attention.cu.</param>
/// <param name="ExpandSharedBytes">Of stored_expand.cu.</param>
internal sealed record StoredShape(
    int HeadSize, int WarpCount, int QueryTileCount, int ValueTileCount, int KeyChannelCount, int ValueChannelCount, int StageCount, int StageBytes, int TableBytes, int AttendSharedBytes, int ExpandSharedBytes)
{
    private const int TokenCount = 64;
    private const int TileSize = 8;
    private const int RowSize = 16;

    /// <summary>As stored_products.cuh has them: rows of tokens in 16 bits, and of scores in 32.</summary>
    private const int TokenPitch = 72;
    private const int ScorePitch = 68;
    private const int ChannelPadding = 8;
    private const int ScanInts = 32;

    /// <summary>With two stages; beyond it one must do.</summary>
    private const int MaxStagedBytes = 64 << 10;

    /// <summary>Of results that a thread holds in registers.</summary>
    private const int MaxAccumulators = 96;

    public int ThreadCount => 32 * WarpCount;

    /// <summary>Most that a kernel asks of a block's shared memory.</summary>
    public int SharedBytes => Math.Max(AttendSharedBytes, ExpandSharedBytes);

    /// <param name="codec">Of the payloads.</param>
    /// <param name="groupSize">Query heads of a KV head.</param>
    /// <returns>Null when there is no table of them, no kernel for their shape, or they do not exist until their prompt has ended (the papers' mode).</returns>
    public static StoredShape? Of(KvCodec codec, int groupSize)
    {
        if (codec.Saliency is { AfterPrompt: true })
        {
            return null;
        }

        int size = codec.Geometry.HeadSize;
        var plain = new StoredHead(size, size, [], [], null, null);
        var heads = new List<(StoredHead Head, int QueryCount)> { (plain, groupSize) };
        int stageBytes = 0, tableBytes = TableBuilder.BytesOf(runCount: 2, spanCount: 0);
        for (int layer = 0; layer < codec.Geometry.LayerCount; layer++)
        {
            if (codec.Table(layer) is not { TokenCount: TokenCount } table)
            {
                return null;
            }

            var staged = new StagedPayload(table);
            stageBytes = Math.Max(stageBytes, staged.SizeBytes);
            tableBytes = Math.Max(tableBytes, table.Heads.Select((head, i) => TableBuilder.BytesOf(head.Keys.Count + head.Values.Count, staged.Spans[i].Count)).Max());
            heads.AddRange(table.Heads.Select((head, i) => (head, (table.Groups?[i].KvHeads.Count ?? 1) * groupSize)));
        }

        int values = heads.Max(head => head.Head.ValueChannelCount);
        int stages = 2 * stageBytes <= MaxStagedBytes ? 2 : 1;
        int tiles = (heads.Max(head => head.QueryCount) + TileSize - 1) / TileSize;
        foreach (int warps in (ReadOnlySpan<int>)[4, 8])
        {
            int valueTiles = (values + (RowSize * warps) - 1) / (RowSize * warps);
            if (4 * tiles * valueTiles <= MaxAccumulators)
            {
                return new StoredShape(
                    size, warps, tiles, valueTiles, heads.Max(head => head.Head.KeyChannelCount), values,
                    stages, stageBytes, tableBytes, tableBytes + (stages * stageBytes) + heads.Max(head => AttendBytes(head.Head, warps, tiles)), heads.Max(head => ExpandBytes(head.Head)));
            }
        }

        return null;
    }

    /// <summary>Macros of stored_attention.cu.</summary>
    public IReadOnlyDictionary<string, int> Defines() => new Dictionary<string, int>
    {
        ["HEAD_SIZE"] = HeadSize,
        ["WARPS"] = WarpCount,
        ["QUERY_TILES"] = QueryTileCount,
        ["VALUE_TILES"] = ValueTileCount,
    };

    private static int AttendBytes(StoredHead head, int warps, int tiles)
    {
        int queries = TileSize * tiles;
        int tile = Math.Max(head.KeyChannelCount * TokenPitch, TokenCount * (head.ValueChannelCount + ChannelPadding));
        int halves = tile + (queries * (head.KeyChannelCount + ChannelPadding)) + (queries * TokenPitch);
        int floats = (warps / 4 * queries * ScorePitch) + (5 * queries);
        return (sizeof(ushort) * halves) + (sizeof(float) * floats) + ScratchBytes(head);
    }

    private static int ExpandBytes(StoredHead head) =>
        (sizeof(ushort) * Math.Max(head.KeyChannelCount * TokenPitch, TokenCount * (head.ValueChannelCount + ChannelPadding))) + ScratchBytes(head);

    /// <summary>Of both residuals.</summary>
    private static int ScratchBytes(StoredHead head) => (2 * sizeof(int) * ScanInts) + (sizeof(ushort) * (Factors(head.KeyResidual) + Factors(head.ValueResidual)));

    private static int Factors(StoredResidual? residual) => residual is null ? 0 : residual.Rank * (residual.RowCount + residual.ColumnCount);
}
