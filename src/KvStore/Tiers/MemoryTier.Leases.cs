using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Leases;

namespace KvCluster.KvStore.Tiers;

internal sealed partial class MemoryTier
{
    public int Lookup(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, out string leaseId) =>
        Find(ids, leaseTime, new bool[ids.Count], stopsAtGap: true, out leaseId);

    public bool[] LookupEvery(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, out string leaseId)
    {
        var isHeld = new bool[ids.Count];
        Find(ids, leaseTime, isHeld, stopsAtGap: false, out leaseId);
        return isHeld;
    }

    private int Find(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, bool[] isHeld, bool stopsAtGap, out string leaseId)
    {
        leaseId = "";
        var held = new List<StoredBlock>();
        var belowIds = new List<BlockId>();
        bool isLease = leaseTime > TimeSpan.Zero;
        lock (_lock)
        {
            DropExpiredLocked(Now);
            for (int i = 0; i < ids.Count; i++)
            {
                BlockId id = ids[i];
                isHeld[i] = true;
                if (_table.TryFind(id, out StoredBlock? block) && block.State == StoredBlockState.Complete)
                {
                    NoteReuseLocked(block);
                    held.Add(block);
                }
                else if (isLease ? _below.TryHold(id) : _below.TryGetSize(id, out _))
                {
                    belowIds.Add(id);
                }
                else
                {
                    isHeld[i] = false;
                    if (stopsAtGap)
                    {
                        break;
                    }
                }
            }

            _table.Use(held);
            if (isLease && held.Count + belowIds.Count > 0)
            {
                leaseId = _leases.Create(held, belowIds, Now + leaseTime);
            }
        }

        int heldCount = held.Count + belowIds.Count;
        Counters.FoundBlocks(heldCount);
        Counters.FoundBelow(belowIds.Count);
        Counters.MissedBlocks(ids.Count - heldCount);
        return heldCount;
    }

    private void NoteReuseLocked(StoredBlock block)
    {
        block.LastUsedAt = Now;
        if (!block.WasUsedAgain)
        {
            block.WasUsedAgain = true;
            _below.Reused(block);
        }
    }

    public PinOutcome Pin(IReadOnlyList<BlockId> ids, TimeSpan pinTime, bool every = false)
    {
        lock (_lock)
        {
            DropExpiredLocked(Now);
            var held = new List<StoredBlock>();
            var belowIds = new List<BlockId>();
            long addedBytes = 0;
            foreach (BlockId id in ids)
            {
                if (_table.TryFind(id, out StoredBlock? block) && block.State == StoredBlockState.Complete)
                {
                    held.Add(block);
                    addedBytes += block.PinCount == 0 ? block.ByteCount : 0;
                }
                else if (_below.TryHold(id))
                {
                    belowIds.Add(id);
                }
                else if (!every)
                {
                    break;
                }
            }

            if (_leases.PinnedBytes + addedBytes > _maxPinnedBytes)
            {
                belowIds.ForEach(_below.Unhold);
                return new PinOutcome(0, "", IsFull: true);
            }

            int count = held.Count + belowIds.Count;
            return new PinOutcome(count, count == 0 ? "" : _leases.Create(held, belowIds, Now + pinTime, isPin: true));
        }
    }

    public bool TryRenewLease(string leaseId, TimeSpan leaseTime)
    {
        lock (_lock)
        {
            TimeSpan now = Now;
            DropExpiredLocked(now);
            return _leases.TryRenew(leaseId, now + leaseTime);
        }
    }

    public void ReleaseLease(string leaseId)
    {
        lock (_lock)
        {
            DropExpiredLocked(Now);
            _leases.Release(leaseId);
        }
    }

    public TierStat Stat()
    {
        lock (_lock)
        {
            DropExpiredLocked(Now);
            int leased = 0;
            int pending = 0;
            int read = 0;
            foreach (StoredBlock block in _table.Attached)
            {
                leased += block.LeaseCount > 0 ? 1 : 0;
                pending += block.State == StoredBlockState.Pending ? 1 : 0;
                read += block.ReaderCount > 0 ? 1 : 0;
            }

            return new TierStat(
                _table.Count, _table.UsedBytes, _table.BudgetBytes, leased, pending, read + _table.Detached.Count(), _waits.Count)
            {
                PinnedByteCount = _leases.PinnedBytes,
            };
        }
    }
}
