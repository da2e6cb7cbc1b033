using KvCluster.Compression.Calibration;

namespace KvCluster.Inference.Calibration;

/// <summary>What calibration made.</summary>
/// <param name="Profile">To be saved.</param>
/// <param name="Layers">What is expected of each layer.</param>
/// <param name="TokenCount">Tokens that the statistics are of.</param>
/// <param name="SearchNote">How a search ended; empty without one.</param>
public sealed record CalibrationResult(StoredProfile Profile, IReadOnlyList<LayerReport> Layers, long TokenCount, string SearchNote);
