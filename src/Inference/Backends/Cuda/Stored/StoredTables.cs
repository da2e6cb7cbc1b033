using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Stored;

/// <summary>The tables of a codec's payloads on the device, in all layers: for kernels that read and write any payload of which there is a table.</summary>
internal sealed class StoredTables : IDisposable
{
    private readonly List<DeviceMemory> _memory = [];
    private readonly StoredTable[] _layers;
    private readonly StoredTable[] _staged;

    /// <param name="codec">With a <see cref="KvCodec.Table"/> in every layer.</param>
    /// <exception cref="CudaException">The device has no room.</exception>
    public StoredTables(KvCodec codec)
    {
        PayloadTable[] tables = [.. Enumerable.Range(0, codec.Geometry.LayerCount).Select(layer => codec.Table(layer)!)];
        Payloads = tables;
        using var stream = new CudaStream();
        try
        {
            _layers = Array.ConvertAll(tables, table => Upload(stream, table, new TableBuilder(table)));
            _staged = [.. tables.Select((table, layer) => Stage(stream, table, _layers[layer].Maps))];
            PayloadTable open = OpenLayer(codec.Geometry);
            Open = Upload(stream, open, new TableBuilder(open));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>An open layer, as if it were a payload: a latent head is a KV head, in 16-bit floats.</summary>
    public StoredTable Open { get; }

    /// <summary>As the codec has them.</summary>
    public IReadOnlyList<PayloadTable> Payloads { get; }

    /// <summary>As kernels have them.</summary>
    public ref readonly StoredTable Layer(int layer) => ref _layers[layer];

    /// <summary>As attention has them: with offsets in shared memory.</summary>
    public ref readonly StoredTable Staged(int layer) => ref _staged[layer];

    public void Dispose() => _memory.ForEach(memory => memory.Dispose());

    /// <summary>Of the layer of an open Block, [KV head][K as [channel][64], V as [64][channel]] in 16 bits.</summary>
    private static PayloadTable OpenLayer(KvGeometry geometry)
    {
        const int Tokens = KvGeometry.BlockTokenCount;
        int size = geometry.HeadSize, bytes = sizeof(ushort) * Tokens * size;
        StoredHead[] heads = [.. Enumerable.Range(0, geometry.KvHeadCount).Select(head => new StoredHead(
            size,
            size,
            [new CodeRun(CodeParameters.None, 16, 2 * head * bytes, 0, size, 0, Tokens)],
            [new CodeRun(CodeParameters.None, 16, ((2 * head) + 1) * bytes, 0, size, 0, Tokens)],
            null,
            null))];
        return new PayloadTable(2 * geometry.KvHeadCount * bytes, Tokens, -1, heads, null);
    }

    private StoredTable Stage(CudaStream stream, PayloadTable table, ulong maps)
    {
        var staged = new StagedPayload(table);
        return Upload(stream, staged.Table, new TableBuilder(staged.Table, staged.Spans), maps);
    }

    private StoredTable Upload(CudaStream stream, PayloadTable table, TableBuilder builder, ulong? maps = null) => new()
    {
        Heads = Upload(stream, builder.Heads),
        Runs = Upload(stream, builder.Runs),
        Members = Upload(stream, builder.Members),
        Maps = maps ?? Upload(stream, builder.Maps),
        Spans = Upload(stream, builder.Spans),
        HeadCount = table.Heads.Count,
        SizeBytes = table.SizeBytes,
        TokenCount = table.TokenCount,
        ChosenOffset = table.ChosenOffset,
    };

    private ulong Upload(CudaStream stream, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return 0;
        }

        DeviceMemory memory = stream.Upload(bytes);
        _memory.Add(memory);
        return memory.Address;
    }
}
