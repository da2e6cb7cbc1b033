namespace KvCluster.Compression.Calibration;

/// <summary>Latent channels of one KV head.</summary>
/// <param name="Key">Of K.</param>
/// <param name="Value">Of V.</param>
public readonly record struct HeadRanks(int Key, int Value);
