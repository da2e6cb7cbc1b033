namespace KvCluster.KvStore.Eviction;

/// <summary>The longest unused block goes first; the plain baseline. A block that was held counts as used when it is released.</summary>
internal sealed class LruPolicy : IEvictionPolicy
{
    private readonly EntryQueue _recency = new();

    public IEnumerable<EvictionEntry> Evictable => _recency.Entries;

    public void Add(EvictionEntry entry) => _recency.AddLast(entry);

    public void Use(IReadOnlyList<EvictionEntry> chain)
    {
        foreach (EvictionEntry entry in chain)
        {
            if (entry.Queue is not null)
            {
                _recency.Remove(entry);
                _recency.AddLast(entry);
            }
        }
    }

    public void Hold(EvictionEntry entry) => _recency.Remove(entry);

    public void Release(EvictionEntry entry) => _recency.AddLast(entry);

    public void Remove(EvictionEntry entry)
    {
        if (entry.Queue is not null)
        {
            _recency.Remove(entry);
        }
    }

    public EvictionEntry? Evict()
    {
        EvictionEntry? longestUnused = _recency.First;
        if (longestUnused is not null)
        {
            _recency.Remove(longestUnused);
        }

        return longestUnused;
    }
}
