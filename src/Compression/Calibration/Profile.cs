using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Calibration;

/// <summary>What calibration learned of a model for the stages of a spec that need it. Immutable.</summary>
/// <param name="Spec">The canonical spelling of those stages alone, e.g. <c>zack(energy=0.98)</c>: what a Profile is found by.</param>
/// <param name="ModelFingerprint">The model that was calibrated.</param>
/// <param name="Fingerprint">Of everything in the Profile; part of the codec's fingerprint.</param>
/// <param name="Geometry">Of the model's KV.</param>
/// <param name="Layers">One a layer.</param>
public sealed record Profile(
    string Spec, ulong ModelFingerprint, ulong Fingerprint, KvGeometry Geometry, IReadOnlyList<LayerProfile> Layers);
