namespace KvCluster.Compression.Calibration;

/// <summary>What a recipe made of one layer.</summary>
/// <param name="Groups">Every KV head is in exactly one.</param>
/// <param name="KeySpectra">By group: energies of K's directions, falling; empty when the recipe did not need them.</param>
/// <param name="ValueSpectra">As <paramref name="KeySpectra"/>, of V.</param>
public sealed record LayerCalibration(
    IReadOnlyList<GroupBasis> Groups, IReadOnlyList<IReadOnlyList<double>> KeySpectra, IReadOnlyList<IReadOnlyList<double>> ValueSpectra);
