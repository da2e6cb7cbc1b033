namespace KvCluster.KvStore.Eviction;

/// <summary>
/// Which block goes when room is needed. Knows ids, depths, sizes and the order of events; no clock and no bytes of slabs. Not thread-safe.
/// </summary>
internal interface IEvictionPolicy
{
    /// <summary>Entries that may be evicted, roughly first to go first.</summary>
    public IEnumerable<EvictionEntry> Evictable { get; }

    /// <summary>A block is complete, and not held.</summary>
    public void Add(EvictionEntry entry);

    /// <summary>A request asked for these blocks of one chain, parents first, and they were there; held or not.</summary>
    public void Use(IReadOnlyList<EvictionEntry> chain);

    /// <summary>The block is leased or read: it may not be evicted until <see cref="Release"/>.</summary>
    public void Hold(EvictionEntry entry);

    public void Release(EvictionEntry entry);

    /// <summary>The block is gone for another reason than eviction; held or not.</summary>
    public void Remove(EvictionEntry entry);

    /// <summary>Chooses the block to go and forgets it; null when every block is held.</summary>
    public EvictionEntry? Evict();
}
