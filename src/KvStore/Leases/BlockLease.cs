using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Leases;

/// <summary>A counted right to read some blocks until a moment. Guarded by the tier's lock.</summary>
internal sealed class BlockLease(string id, IReadOnlyList<StoredBlock> blocks, TimeSpan expiresAt)
{
    public string Id { get; } = id;

    public IReadOnlyList<StoredBlock> Blocks { get; } = blocks;

    /// <summary>On the tier's clock.</summary>
    public TimeSpan ExpiresAt { get; set; } = expiresAt;
}
