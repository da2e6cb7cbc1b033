using System.Globalization;
using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Store;

/// <summary>Bytes that a block takes in the memory tier: its slabs with their headers, each as the allocator rounds it.</summary>
internal sealed class ReplayBlockSize : IDisposable
{
    private const int AlignmentBytes = 64;

    private readonly EvalModel? _model;
    private readonly KvGeometry _geometry;

    private ReplayBlockSize(EvalModel? model, KvGeometry geometry)
    {
        _model = model;
        _geometry = geometry;
    }

    public string Subject => $"{_model?.Name ?? "a model"} with {_geometry.LayerCount} layers x {_geometry.KvHeadCount} KV heads x {_geometry.HeadSize}";

    /// <param name="modelFolder">The model; null for the demo model.</param>
    /// <param name="shape">Instead of a model: layers, KV heads and head size as <c>32x8x128</c>; null for none.</param>
    /// <exception cref="BadArgumentException">The shape is malformed, or there is no such folder.</exception>
    public static ReplayBlockSize Open(string? modelFolder, string? shape)
    {
        if (shape is null)
        {
            EvalModel model = EvalModel.Open(ModelOption.Resolve(modelFolder));
            return new ReplayBlockSize(model, model.Geometry);
        }

        int[] parts = [.. shape.Split('x').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)];
        return parts.Length == 3 && parts.All(part => part is > 0 and <= 4096) && parts[2] % 16 == 0
            ? new ReplayBlockSize(null, new KvGeometry(parts[0], parts[1], parts[2]))
            : throw new BadArgumentException($"--shape: must be layers, KV heads and head size (a multiple of 16), e.g. 32x8x128, not '{shape}'");
    }

    /// <exception cref="CodecSpecException">The spec can't be used, or needs a Profile that is not there.</exception>
    public long BlockBytes(string spec)
    {
        KvCodec codec = _model?.Codec(spec) ?? CodecRegistry.Create(spec, _geometry);
        return Enumerable.Range(0, _geometry.LayerCount)
            .Sum(layer => (long)(Slab.HeaderSizeBytes + codec.MaxPayloadSizeBytes(layer) + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes);
    }

    public void Dispose() => _model?.Dispose();
}
