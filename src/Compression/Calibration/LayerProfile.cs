namespace KvCluster.Compression.Calibration;

/// <summary>One layer of a <see cref="Profile"/>.</summary>
/// <param name="Groups">Groups of KV heads; each head is in exactly one.</param>
public sealed record LayerProfile(IReadOnlyList<HeadGroup> Groups);
