using KvCluster.Compression.Calibration;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Codecs;

/// <summary>What a stage is built for.</summary>
/// <param name="Parameters">As the spec gives them.</param>
/// <param name="Layer">Index of the layer.</param>
/// <param name="Shape">The channels that it works on.</param>
/// <param name="Profile">The layer's part of the Profile; null when no stage needs one.</param>
internal sealed record StageContext(StageParameters Parameters, int Layer, LatentShape Shape, LayerProfile? Profile)
{
    /// <summary>Instructions to run on; only tests choose.</summary>
    public SimdPath Path { get; init; } = SimdPaths.Best;
}
