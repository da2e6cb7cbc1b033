using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tiers;

internal sealed partial class MemoryTier
{
    public int Lookup(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, out string leaseId)
    {
        leaseId = "";
        var held = new List<StoredBlock>();
        lock (_lock)
        {
            _leases.ReleaseExpired(Now);
            foreach (BlockId id in ids)
            {
                if (!_table.TryFind(id, out StoredBlock? block) || block.State != StoredBlockState.Complete)
                {
                    break;
                }

                _table.Touch(block);
                held.Add(block);
            }

            if (held.Count > 0 && leaseTime > TimeSpan.Zero)
            {
                leaseId = _leases.Create(held, Now + leaseTime);
            }
        }

        Counters.FoundBlocks(held.Count);
        Counters.MissedBlocks(ids.Count - held.Count);
        return held.Count;
    }

    public bool TryRenewLease(string leaseId, TimeSpan leaseTime)
    {
        lock (_lock)
        {
            TimeSpan now = Now;
            _leases.ReleaseExpired(now);
            return _leases.TryRenew(leaseId, now + leaseTime);
        }
    }

    public void ReleaseLease(string leaseId)
    {
        lock (_lock)
        {
            _leases.ReleaseExpired(Now);
            _leases.Release(leaseId);
        }
    }

    public TierStat Stat()
    {
        lock (_lock)
        {
            _leases.ReleaseExpired(Now);
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
                _table.Count, _table.UsedBytes, _table.BudgetBytes, leased, pending, read + _table.Detached.Count(), _waits.Count);
        }
    }
}
