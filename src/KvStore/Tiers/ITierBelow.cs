using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tiers;

/// <summary>What the memory tier asks and tells the tier below it. Called under the memory tier's lock: short, no I/O, and never back.</summary>
internal interface ITierBelow
{
    /// <summary>Whether the block can be fetched from below, and how many bytes of memory that takes.</summary>
    public bool TryGetSize(BlockId id, out long sizeBytes);

    /// <summary>Keeps a block that is below from being dropped for room.</summary>
    public bool TryHold(BlockId id);

    public void Unhold(BlockId id);

    /// <summary>A complete block is about to be evicted: the last chance to share its slabs.</summary>
    public void Evicting(StoredBlock block);

    /// <summary>A complete block was asked for again for the first time.</summary>
    public void Reused(StoredBlock block);
}
