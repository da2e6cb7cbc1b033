namespace KvCluster.KvStore.Eviction;

/// <summary>
/// S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023): new blocks pass a small queue, from which only
/// those that were used again get into the main one; ids of those that did not are remembered, and enter the main queue when they come back.
/// </summary>
/// <remarks>A held block that reaches the end of its queue leaves it, and enters it anew when it is released.</remarks>
/// <param name="capacityBytes">Of the tier; a tenth is the small queue's.</param>
internal sealed class S3FifoPolicy(long capacityBytes) : IEvictionPolicy
{
    private const int SmallSegment = 0;
    private const int MainSegment = 1;
    private const int MaxUseCount = 3;
    private const int MinGhostCount = 64;

    private readonly long _smallTargetBytes = capacityBytes / 10;
    private readonly EntryQueue _small = new();
    private readonly EntryQueue _main = new();
    private readonly GhostQueue _ghosts = new();

    public IEnumerable<EvictionEntry> Evictable => _small.Entries.Concat(_main.Entries).Where(entry => !entry.IsHeld);

    public void Add(EvictionEntry entry)
    {
        entry.UseCount = 0;
        Enqueue(entry, _ghosts.Remove(entry.Id) ? MainSegment : SmallSegment);
    }

    public void Use(IReadOnlyList<EvictionEntry> chain)
    {
        foreach (EvictionEntry entry in chain)
        {
            entry.UseCount = Math.Min(entry.UseCount + 1, MaxUseCount);
        }
    }

    /// <summary>It keeps its place until the place is the last.</summary>
    public void Hold(EvictionEntry entry)
    {
    }

    public void Release(EvictionEntry entry)
    {
        if (entry.Queue is null)
        {
            Enqueue(entry, entry.Segment);
        }
    }

    public void Remove(EvictionEntry entry) => entry.Queue?.Remove(entry);

    public EvictionEntry? Evict()
    {
        while (_small.Count + _main.Count > 0)
        {
            bool fromSmall = _main.Count == 0 || (_small.Count > 0 && _small.ByteCount >= _smallTargetBytes);
            EvictionEntry entry = (fromSmall ? _small : _main).First!;
            entry.Queue!.Remove(entry);
            if (entry.IsHeld)
            {
                continue;
            }

            if (entry.UseCount == 0)
            {
                if (fromSmall)
                {
                    _ghosts.Add(entry.Id, Math.Max(_main.Count, MinGhostCount));
                }

                return entry;
            }

            entry.UseCount = fromSmall ? 0 : entry.UseCount - 1;
            Enqueue(entry, MainSegment);
        }

        return null;
    }

    private void Enqueue(EvictionEntry entry, int segment)
    {
        entry.Segment = segment;
        (segment == SmallSegment ? _small : _main).AddLast(entry);
    }
}
