using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tests;

/// <summary>
/// What a memory tier should do, written the slow obvious way: lists, no pins counted, everything looked up anew. All slabs have one size.
/// </summary>
internal sealed class ModelTier(int budgetSlabs)
{
    public sealed class Copy(BlockId id, bool isTransient)
    {
        public BlockId Id { get; } = id;
        public bool IsTransient { get; } = isTransient;
        public SortedSet<int> Layers { get; } = [];
        public bool IsAttached { get; set; } = true;
        public bool IsComplete => Layers.Count == TestSlabs.LayerCount;
        public bool IsAborted => !IsAttached && !IsComplete;
    }

    public sealed class Put(ulong epoch)
    {
        public ulong Epoch { get; } = epoch;
        public List<(Copy Copy, HashSet<int> Seen)> Open { get; } = [];
    }

    public sealed class Reader(BlockId id)
    {
        public BlockId Id { get; } = id;
        public Copy? Copy { get; set; }
        public int NextLayer { get; set; }
        public bool IsClosed { get; set; }
    }

    // Longest unused first; the order in which copies were last used or became evictable.
    private readonly List<Copy> _copies = [];
    private readonly List<(string Id, Copy[] Copies, TimeSpan ExpiresAt)> _leases = [];
    private readonly List<Put> _puts = [];
    private readonly List<Reader> _readers = [];
    private ulong _latestEpoch;

    public TimeSpan Now { get; set; }

    public long Evicted { get; private set; }

    public IEnumerable<BlockId> AttachedIds => _copies.Where(copy => copy.IsAttached).Select(copy => copy.Id);

    /// <summary>Longest unused first.</summary>
    public IEnumerable<BlockId> EvictableIds => _copies.Where(IsEvictable).Select(copy => copy.Id);

    public int UsedSlabs => _copies.Where(copy => copy.IsAttached || IsRead(copy)).Sum(copy => copy.Layers.Count);

    public int LeasedCount => _copies.Count(copy => copy.IsAttached && _leases.Any(lease => lease.Copies.Contains(copy)));

    public int PendingCount => _copies.Count(copy => copy.IsAttached && !copy.IsComplete);

    public bool BeginPut(ulong epoch, out Put put)
    {
        put = new Put(epoch);
        _puts.Add(put);
        return epoch >= _latestEpoch;
    }

    public string Add(Put put, BlockId id, int layer, bool isTransient)
    {
        if (put.Epoch < _latestEpoch)
        {
            return "StaleEpoch";
        }

        _latestEpoch = put.Epoch;
        int openIndex = put.Open.FindIndex(open => open.Copy.Id == id);
        Copy? copy = openIndex >= 0 ? put.Open[openIndex].Copy : Find(id);
        string result = "Stored";
        if (copy is { IsAttached: false })
        {
            result = "Discarded";
        }
        else if (copy is not null && copy.Layers.Contains(layer))
        {
            result = "Known";
        }
        else
        {
            ExpireLeases();
            if (!MakeRoom())
            {
                return "StoreFull";
            }
        }

        if (copy is null)
        {
            copy = new Copy(id, isTransient);
            _copies.Add(copy);
            foreach (Reader reader in _readers.Where(reader => !reader.IsClosed && reader.Copy is null && reader.Id == id))
            {
                reader.Copy = copy;
            }
        }

        if (openIndex < 0)
        {
            put.Open.Add((copy, []));
            openIndex = put.Open.Count - 1;
        }

        if (result == "Stored")
        {
            copy.Layers.Add(layer);
            if (IsEvictable(copy))
            {
                Use(copy);
            }
        }

        put.Open[openIndex].Seen.Add(layer);
        if (put.Open[openIndex].Seen.Count == TestSlabs.LayerCount)
        {
            put.Open.RemoveAt(openIndex);
        }

        return result;
    }

    public int EndPut(Put put)
    {
        Copy[] open = [.. put.Open.Select(entry => entry.Copy)];
        put.Open.Clear();
        Copy[] dropped = [.. open.Where(copy => copy.IsAttached && !copy.IsComplete && !_puts.Any(other => other.Open.Any(entry => entry.Copy == copy)))];
        Array.ForEach(dropped, copy => copy.IsAttached = false);
        return dropped.Length;
    }

    public Reader OpenRead(BlockId id)
    {
        var reader = new Reader(id) { Copy = Find(id) };
        _readers.Add(reader);
        return reader;
    }

    /// <summary>"Slab n", "Last n", "Aborted", "Idle" or "Finished".</summary>
    public string Read(Reader reader)
    {
        if (reader.IsClosed)
        {
            return "Finished";
        }

        reader.Copy ??= Find(reader.Id);
        if (reader.Copy is null)
        {
            return "Idle";
        }

        if (reader.Copy.IsAborted)
        {
            Close(reader);
            return "Aborted";
        }

        if (!reader.Copy.Layers.Contains(reader.NextLayer))
        {
            return "Idle";
        }

        string answer = $"Slab {reader.NextLayer++}";
        if (reader.NextLayer == TestSlabs.LayerCount)
        {
            Copy copy = reader.Copy;
            Close(reader);
            if (copy.IsTransient && copy.IsAttached && !_leases.Any(lease => lease.Copies.Contains(copy)))
            {
                copy.IsAttached = false;
            }
        }

        return answer;
    }

    public void Close(Reader reader)
    {
        bool wasEvictable = reader.Copy is { } copy && IsEvictable(copy);
        reader.IsClosed = true;
        if (reader.Copy is { } closed && !wasEvictable && IsEvictable(closed))
        {
            Use(closed);
        }
    }

    public (int Held, bool IsLeased) Lookup(IEnumerable<BlockId> ids, TimeSpan leaseTime, string leaseId)
    {
        ExpireLeases();
        Copy[] held = [.. ids.Select(Find).TakeWhile(copy => copy is { IsComplete: true }).Select(copy => copy!)];
        foreach (Copy copy in held.Where(IsEvictable))
        {
            Use(copy);
        }

        bool isLeased = held.Length > 0 && leaseTime > TimeSpan.Zero;
        if (isLeased)
        {
            _leases.Add((leaseId, held, Now + leaseTime));
        }

        return (held.Length, isLeased);
    }

    public bool Renew(string leaseId, TimeSpan leaseTime)
    {
        ExpireLeases();
        int index = _leases.FindIndex(lease => lease.Id == leaseId);
        if (index >= 0)
        {
            _leases[index] = _leases[index] with { ExpiresAt = Now + leaseTime };
        }

        return index >= 0;
    }

    public void Release(string leaseId)
    {
        ExpireLeases();
        RemoveLease(leaseId);
    }

    public bool Drop(BlockId id)
    {
        Copy? copy = Find(id);
        copy?.IsAttached = false;
        return copy is not null;
    }

    public void ExpireLeases()
    {
        foreach (string id in _leases.Where(lease => lease.ExpiresAt <= Now).OrderBy(lease => lease.ExpiresAt).Select(lease => lease.Id).ToArray())
        {
            RemoveLease(id);
        }
    }

    private void RemoveLease(string id)
    {
        int index = _leases.FindIndex(lease => lease.Id == id);
        if (index < 0)
        {
            return;
        }

        Copy[] copies = _leases[index].Copies;
        _leases.RemoveAt(index);
        foreach (Copy copy in copies.Where(IsEvictable))
        {
            Use(copy);
        }
    }

    private Copy? Find(BlockId id) => _copies.Find(copy => copy.IsAttached && copy.Id == id);

    private bool IsRead(Copy copy) => _readers.Any(reader => !reader.IsClosed && reader.Copy == copy);

    private bool IsEvictable(Copy copy) =>
        copy is { IsAttached: true, IsComplete: true } && !IsRead(copy) && !_leases.Any(lease => lease.Copies.Contains(copy));

    private void Use(Copy copy)
    {
        _copies.Remove(copy);
        _copies.Add(copy);
    }

    private bool MakeRoom()
    {
        int evictable = _copies.Where(IsEvictable).Sum(copy => copy.Layers.Count);
        if (UsedSlabs - evictable + 1 > budgetSlabs)
        {
            return false;
        }

        while (UsedSlabs + 1 > budgetSlabs)
        {
            _copies.First(IsEvictable).IsAttached = false;
            Evicted++;
        }

        return true;
    }
}
