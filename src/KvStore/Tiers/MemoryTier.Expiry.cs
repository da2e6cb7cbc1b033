namespace KvCluster.KvStore.Tiers;

/// <summary>Blocks that were not asked for in time leave memory.</summary>
internal sealed partial class MemoryTier
{
    /// <summary>A block that is due and in use is looked at again after this part of its time.</summary>
    private const int RecheckShare = 8;

    private readonly PriorityQueue<StoredBlock, TimeSpan> _byDueTime = new();

    private void NoteCompleteLocked(StoredBlock block)
    {
        if (_blockTtl > TimeSpan.Zero)
        {
            block.LastUsedAt = Now;
            _byDueTime.Enqueue(block, block.LastUsedAt + _blockTtl);
        }
    }

    private void DropExpiredLocked(TimeSpan now)
    {
        _leases.ReleaseExpired(now);
        while (_byDueTime.TryPeek(out StoredBlock? block, out TimeSpan due) && due <= now)
        {
            _byDueTime.Dequeue();
            if (!block.IsAttached)
            {
                continue;
            }

            if (block.LastUsedAt + _blockTtl > now)
            {
                _byDueTime.Enqueue(block, block.LastUsedAt + _blockTtl);
            }
            else if (!block.IsEvictable)
            {
                _byDueTime.Enqueue(block, now + (_blockTtl / RecheckShare) + TimeSpan.FromTicks(1));
            }
            else
            {
                DetachLocked(block);
                Counters.ExpiredBlock();
            }
        }
    }
}
