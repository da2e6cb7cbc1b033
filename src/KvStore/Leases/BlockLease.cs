using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Leases;

/// <summary>A counted right to read some blocks until a moment. Guarded by the tier's lock.</summary>
internal sealed class BlockLease(string id, long number, IReadOnlyList<StoredBlock> blocks, TimeSpan expiresAt)
{
    public string Id { get; } = id;

    /// <summary>In the order of creation.</summary>
    public long Number { get; } = number;

    public IReadOnlyList<StoredBlock> Blocks { get; } = blocks;

    /// <summary>On the tier's clock.</summary>
    public TimeSpan ExpiresAt { get; set; } = expiresAt;
}
