using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Leases;

/// <summary>Leases by id and by the time they expire. Not thread-safe: the tier's lock guards it.</summary>
/// <param name="table">Whose blocks are leased.</param>
/// <param name="below">Holds what is leased there.</param>
/// <param name="idPrefix">Tells the leases of this start of the store from those of earlier ones.</param>
internal sealed class LeaseTable(BlockTable table, ITierBelow below, string idPrefix)
{
    private readonly Dictionary<string, BlockLease> _leases = new(StringComparer.Ordinal);

    // A renewed lease stays at its old place and is put back when its turn comes. Leases that expire together are released in the
    // order of their numbers: it decides which of their blocks are evicted first, and a heap alone leaves that to chance.
    private readonly PriorityQueue<BlockLease, (TimeSpan ExpiresAt, long Number)> _byExpiry = new();
    private long _lastNumber;

    public IReadOnlyCollection<BlockLease> All => _leases.Values;

    /// <summary>Bytes in memory that pins hold.</summary>
    public long PinnedBytes { get; private set; }

    /// <param name="blocks">Leased here.</param>
    /// <param name="belowIds">Leased below, and held there already.</param>
    /// <param name="expiresAt">On the tier's clock.</param>
    /// <param name="isPin">Whether its bytes count as pinned.</param>
    public string Create(IReadOnlyList<StoredBlock> blocks, IReadOnlyList<BlockId> belowIds, TimeSpan expiresAt, bool isPin = false)
    {
        var lease = new BlockLease($"{idPrefix}-{++_lastNumber}", _lastNumber, blocks, belowIds, expiresAt) { IsPin = isPin };
        foreach (StoredBlock block in blocks)
        {
            table.Lease(block);
            if (isPin && block.PinCount++ == 0)
            {
                PinnedBytes += block.ByteCount;
            }
        }

        _leases.Add(lease.Id, lease);
        _byExpiry.Enqueue(lease, (expiresAt, lease.Number));
        return lease.Id;
    }

    public bool TryRenew(string id, TimeSpan expiresAt)
    {
        if (!_leases.TryGetValue(id, out BlockLease? lease))
        {
            return false;
        }

        if (expiresAt < lease.ExpiresAt)
        {
            _byExpiry.Enqueue(lease, (expiresAt, lease.Number));
        }

        lease.ExpiresAt = expiresAt;
        return true;
    }

    public void Release(string id)
    {
        if (_leases.Remove(id, out BlockLease? lease))
        {
            foreach (StoredBlock block in lease.Blocks)
            {
                table.Unlease(block);
                if (lease.IsPin && --block.PinCount == 0)
                {
                    PinnedBytes -= block.ByteCount;
                }
            }

            foreach (BlockId blockId in lease.BelowIds)
            {
                below.Unhold(blockId);
            }
        }
    }

    public void ReleaseExpired(TimeSpan now)
    {
        while (_byExpiry.TryPeek(out BlockLease? lease, out (TimeSpan ExpiresAt, long Number) listed) && listed.ExpiresAt <= now)
        {
            _byExpiry.Dequeue();
            if (lease.ExpiresAt == listed.ExpiresAt)
            {
                Release(lease.Id);
            }
            else if (_leases.ContainsKey(lease.Id) && lease.ExpiresAt > listed.ExpiresAt)
            {
                _byExpiry.Enqueue(lease, (lease.ExpiresAt, lease.Number));
            }
        }
    }
}
