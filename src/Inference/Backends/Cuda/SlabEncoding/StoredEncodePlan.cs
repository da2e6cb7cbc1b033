using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Inference.Backends.Cuda.Stored;

namespace KvCluster.Inference.Backends.Cuda.SlabEncoding;

/// <summary>How Kernels/encode_stored.cu encodes a codec's payloads: what it is compiled with, and what it needs room for.</summary>
internal sealed class StoredEncodePlan
{
    /// <summary>Of a block of threads that encodes a matrix.</summary>
    public const int ThreadCount = 256;

    /// <summary>Of one of <c>project_stored</c>.</summary>
    public const int ProjectThreadCount = 128;

    /// <summary>Latent channels of a block of threads of <c>project_stored</c>.</summary>
    public const int SliceLength = 64;

    private const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>Matrices of more channels stay in device memory, so that some blocks of threads share a multiprocessor.</summary>
    private const int MaxTileChannels = 256;

    private const int MaxZeroBytes = 15;

    private readonly StoredEncodeLayer[] _layers;

    private StoredEncodePlan(KvCodec codec, PayloadTable[] tables, bool areKeysShared, bool areValuesShared)
    {
        AreKeysShared = areKeysShared;
        AreValuesShared = areValuesShared;
        HasMaps = tables[0].Groups is not null;
        StoredHead[] heads = [.. tables.SelectMany(table => table.Heads)];
        StoredResidual[] residuals = [.. heads.SelectMany(head => new[] { head.KeyResidual, head.ValueResidual }).OfType<StoredResidual>()];
        bool hasOutliers = residuals.Any(residual => residual.OutlierCount > 0), hasRanks = residuals.Any(residual => residual.Rank > 0);
        bool hasSteps = heads.Any(head => head.Keys[0].StepOffset >= 0 || head.Values[0].StepOffset >= 0);
        int[] channels = [.. heads.SelectMany(head => new[] { head.KeyChannelCount, head.ValueChannelCount })];
        TileFloats = Tokens * channels.Where(count => count <= MaxTileChannels).DefaultIfEmpty().Max();
        SharedBytes = (sizeof(float) * TileFloats) + heads.Max(head => Math.Max(
            StoredEncodeLayer.RegionBytes(head.KeyChannelCount, head.KeyChannelCount, Tokens, head.KeyResidual),
            StoredEncodeLayer.RegionBytes(head.ValueChannelCount, Tokens, head.ValueChannelCount, head.ValueResidual)));
        Defines = new Dictionary<string, int>
        {
            ["HEAD_SIZE"] = codec.Geometry.HeadSize,
            ["CHANNELS"] = HasMaps ? 0 : codec.Geometry.HeadSize,
            ["SPILLS"] = channels.Max() > MaxTileChannels ? 1 : 0,
            ["MAPS"] = HasMaps ? 1 : 0,
            ["OUTLIERS"] = hasOutliers ? 1 : 0,
            ["RANKS"] = hasRanks ? 1 : 0,
            ["KEYS_SHARED"] = areKeysShared ? 1 : 0,
            ["VALUES_SHARED"] = areValuesShared ? 1 : 0,
            ["STEPS"] = hasSteps ? 1 : 0,
        };
        _layers = Array.ConvertAll(
            tables, table => new StoredEncodeLayer(table, HasMaps || (hasOutliers && areKeysShared), HasMaps || (hasOutliers && areValuesShared)));
        ScratchFloats = _layers.Max(layer => layer.ScratchFloats);
    }

    /// <summary>Macros of the kernel file.</summary>
    public IReadOnlyDictionary<string, int> Defines { get; }

    /// <summary>Latent heads are made by a kernel of its own.</summary>
    public bool HasMaps { get; }

    /// <summary>A token's K has one scale for all heads.</summary>
    public bool AreKeysShared { get; }

    /// <summary>Likewise of V.</summary>
    public bool AreValuesShared { get; }

    /// <summary>Shared memory of a block of threads.</summary>
    public int SharedBytes { get; }

    /// <summary>Of a matrix in shared memory.</summary>
    public int TileFloats { get; }

    /// <summary>Of an item; a multiple of 4.</summary>
    public int ScratchFloats { get; }

    public StoredEncodeLayer Layer(int layer) => _layers[layer];

    /// <summary>Argument of the kernels.</summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="table">Of the layer, on the device.</param>
    /// <param name="places"><see cref="StoredEncodeLayer.Places"/> there.</param>
    /// <param name="blocks">That are to be encoded.</param>
    public StoredEncodeWork Work(int layer, in StoredTable table, ulong places, in EncodeWork blocks)
    {
        (int At, int Bytes)[] zeros = [.. _layers[layer].Zeros, default, default];
        return new StoredEncodeWork
        {
            Blocks = blocks,
            Table = table,
            Places = places,
            ScratchEach = (ulong)ScratchFloats,
            FirstZerosAt = zeros[0].At,
            NextZerosAt = zeros[1].At,
            FirstZeroBytes = zeros[0].Bytes,
            NextZeroBytes = zeros[1].Bytes,
            Layer = layer,
            TileFloats = TileFloats,
        };
    }

    /// <param name="codec">Whose payloads are written.</param>
    /// <param name="plan">If kernels write them.</param>
    /// <param name="reason">Else a line that says why not.</param>
    public static bool TryCreate(KvCodec codec, [NotNullWhen(true)] out StoredEncodePlan? plan, [NotNullWhen(false)] out string? reason)
    {
        plan = null;
        reason = $"The CUDA kernels do not write '{codec.Spec}'";
        PayloadTable?[] found = [.. Enumerable.Range(0, codec.Geometry.LayerCount).Select(codec.Table)];
        if (Array.Exists(found, table => table is null or { ChosenOffset: >= 0 } or not { TokenCount: Tokens }))
        {
            reason += ": its tokens are chosen, or nothing says where its payloads have what.";
            return false;
        }

        PayloadTable[] tables = [.. found.OfType<PayloadTable>()];
        bool areKeysShared = Array.TrueForAll(tables, table => IsShared(table.Heads.Select(head => head.Keys)));
        bool areValuesShared = Array.TrueForAll(tables, table => IsShared(table.Heads.Select(head => head.Values)));
        if (!areKeysShared && tables.Any(table => table.Heads.Any(head => head.Keys.Any(run => run.Parameters == CodeParameters.Token))))
        {
            reason += ": keys have scales by token and head.";
            return false;
        }

        plan = new StoredEncodePlan(codec, tables, areKeysShared, areValuesShared);
        if (Array.Exists(plan._layers, layer => layer.Zeros.Count > 2 || layer.Zeros.Any(zeros => zeros.Bytes > MaxZeroBytes)))
        {
            plan = null;
            reason += ": they do not know all of its bytes.";
            return false;
        }

        reason = null;
        return true;
    }

    /// <summary>One run a head, and one place for the scales of all.</summary>
    private static bool IsShared(IEnumerable<IReadOnlyList<CodeRun>> heads) =>
        heads.All(runs => runs is [{ Parameters: CodeParameters.Token }]) && heads.Select(runs => runs[0].ScaleOffset).Distinct().Count() == 1;
}
