namespace KvCluster.KvStore.Eviction;

/// <summary>
/// Recency by generations: longest unused first, and of the blocks of one generation the deepest first, so that a chain goes from its end and
/// what is left of it can still be used.
/// </summary>
/// <param name="generationBytes">A generation that new blocks have filled to this size is followed by the next.</param>
internal sealed class LeafFirstOrder(long generationBytes)
{
    private readonly LinkedList<Generation> _generations = new();

    public int Count { get; private set; }

    public long ByteCount { get; private set; }

    public IEnumerable<EvictionEntry> Entries => _generations.SelectMany(generation => generation.Entries.OrderByDescending(entry => entry.Depth));

    /// <summary>What comes from now on is more recent than all that is here.</summary>
    public void BeginGeneration()
    {
        if (_generations.Last is not { Value.Count: 0 })
        {
            var generation = new Generation(this);
            generation.Node = _generations.AddLast(generation);
        }
    }

    public void Add(EvictionEntry entry)
    {
        if (_generations.Last is not { } last || last.Value.ByteCount >= generationBytes)
        {
            BeginGeneration();
        }

        Generation newest = _generations.Last!.Value;
        newest.IsSorted = false;
        newest.AddLast(entry);
        Count++;
        ByteCount += entry.ByteCount;
    }

    public void Remove(EvictionEntry entry)
    {
        var generation = (Generation)entry.Queue!;
        generation.Remove(entry);
        Count--;
        ByteCount -= entry.ByteCount;
        if (generation.Count == 0)
        {
            _generations.Remove(generation.Node!);
        }
    }

    /// <summary>The block to go first; null when there is none.</summary>
    public EvictionEntry? First()
    {
        Generation? oldest = _generations.First?.Value;
        if (oldest is { Count: 0 })
        {
            return null; // the newest is the only one that may be empty
        }

        oldest?.Sort();
        return oldest?.First;
    }

    /// <summary>The order that an entry is in; null for none.</summary>
    public static LeafFirstOrder? Of(EvictionEntry entry) => (entry.Queue as Generation)?.Owner;

    private sealed class Generation(LeafFirstOrder owner) : EntryQueue
    {
        public LeafFirstOrder Owner { get; } = owner;

        public LinkedListNode<Generation>? Node { get; set; }

        public bool IsSorted { get; set; }

        /// <summary>Once, when it has become the oldest; nothing is added to it then.</summary>
        public void Sort()
        {
            if (IsSorted)
            {
                return;
            }

            EvictionEntry[] sorted = [.. Entries.OrderByDescending(entry => entry.Depth)];
            Array.ForEach(sorted, Remove);
            Array.ForEach(sorted, AddLast);
            IsSorted = true;
        }
    }
}
