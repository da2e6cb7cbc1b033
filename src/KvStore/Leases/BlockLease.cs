using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Leases;

/// <summary>A counted right to read some blocks until a moment. Guarded by the tier's lock.</summary>
internal sealed class BlockLease(string id, long number, IReadOnlyList<StoredBlock> blocks, IReadOnlyList<BlockId> belowIds, TimeSpan expiresAt)
{
    public string Id { get; } = id;

    /// <summary>In the order of creation.</summary>
    public long Number { get; } = number;

    public IReadOnlyList<StoredBlock> Blocks { get; } = blocks;

    /// <summary>Blocks that were only in the tier below, held there.</summary>
    public IReadOnlyList<BlockId> BelowIds { get; } = belowIds;

    /// <summary>Whether it is to last: counted against the share of pins.</summary>
    public bool IsPin { get; init; }

    /// <summary>On the tier's clock.</summary>
    public TimeSpan ExpiresAt { get; set; } = expiresAt;
}
