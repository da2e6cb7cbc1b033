using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Eviction;

/// <summary>
/// ARC (Megiddo, Modha: a self-tuning, low overhead replacement cache, FAST 2003) over chains: blocks asked for once and blocks asked for again have a
/// recency order each, and what was evicted too early moves the border between them. In both, chains go from their ends.
/// </summary>
internal sealed class LeafFirstArcPolicy : IEvictionPolicy
{
    private const int OnceSegment = 0;
    private const int AgainSegment = 1;
    private const int MinGhostCount = 64;
    private const int GenerationsOfCapacity = 64;

    private readonly long _capacityBytes;
    private readonly LeafFirstOrder _once;
    private readonly LeafFirstOrder _again;
    private readonly GhostQueue _onceGhosts = new();
    private readonly GhostQueue _againGhosts = new();
    private double _onceTargetBytes;

    /// <param name="capacityBytes">Of the tier.</param>
    public LeafFirstArcPolicy(long capacityBytes)
    {
        _capacityBytes = capacityBytes;
        _onceTargetBytes = capacityBytes / 2.0;
        _once = new LeafFirstOrder(capacityBytes / GenerationsOfCapacity);
        _again = new LeafFirstOrder(capacityBytes / GenerationsOfCapacity);
    }

    public IEnumerable<EvictionEntry> Evictable => _once.Entries.Concat(_again.Entries);

    public void Add(EvictionEntry entry)
    {
        entry.Segment = WasEvictedLately(entry.Id, entry.ByteCount) ? AgainSegment : OnceSegment;
        Order(entry.Segment).Add(entry);
    }

    public void Use(IReadOnlyList<EvictionEntry> chain)
    {
        _once.BeginGeneration();
        _again.BeginGeneration();
        foreach (EvictionEntry entry in chain)
        {
            entry.Segment = AgainSegment;
            if (LeafFirstOrder.Of(entry) is { } order)
            {
                order.Remove(entry);
                _again.Add(entry);
            }
        }
    }

    public void Hold(EvictionEntry entry) => LeafFirstOrder.Of(entry)!.Remove(entry);

    public void Release(EvictionEntry entry) => Order(entry.Segment).Add(entry);

    public void Remove(EvictionEntry entry) => LeafFirstOrder.Of(entry)?.Remove(entry);

    public EvictionEntry? Evict()
    {
        bool fromOnce = _again.Count == 0 || (_once.Count > 0 && _once.ByteCount > _onceTargetBytes);
        LeafFirstOrder order = fromOnce ? _once : _again;
        EvictionEntry? entry = order.First();
        if (entry is not null)
        {
            order.Remove(entry);
            (fromOnce ? _onceGhosts : _againGhosts).Add(entry.Id, Math.Max(_once.Count + _again.Count, MinGhostCount));
        }

        return entry;
    }

    /// <summary>A block that comes back shows which of the two orders was too short, and how much by the rarer kind of ghost.</summary>
    private bool WasEvictedLately(BlockId id, long sizeBytes)
    {
        int onceCount = Math.Max(1, _onceGhosts.Count);
        int againCount = Math.Max(1, _againGhosts.Count);
        if (_onceGhosts.Remove(id))
        {
            _onceTargetBytes = Math.Min(_capacityBytes, _onceTargetBytes + (Math.Max(1.0, (double)againCount / onceCount) * sizeBytes));
            return true;
        }

        if (_againGhosts.Remove(id))
        {
            _onceTargetBytes = Math.Max(0, _onceTargetBytes - (Math.Max(1.0, (double)onceCount / againCount) * sizeBytes));
            return true;
        }

        return false;
    }

    private LeafFirstOrder Order(int segment) => segment == OnceSegment ? _once : _again;
}
