namespace KvCluster.KvStore.Tiers;

/// <summary>What the store has done since it started. Thread-safe.</summary>
internal sealed class StoreCounters
{
    private long _putSlabs;
    private long _putBytes;
    private long _getSlabs;
    private long _getBytes;
    private long _hitBlocks;
    private long _missBlocks;
    private long _evictedBlocks;
    private long _refusedSlabs;
    private long _corruptSlabs;
    private long _cutThroughSlabs;
    private long _staleEpochPuts;
    private long _droppedBlocks;
    private long _abortedBlocks;
    private long _handedOverBlocks;
    private long _notHandedOverBlocks;
    private long _belowHitBlocks;
    private long _promotedBlocks;
    private long _overQuotaBlocks;
    private long _expiredBlocks;

    public long PutSlabs => Volatile.Read(ref _putSlabs);

    public long PutBytes => Volatile.Read(ref _putBytes);

    public long GetSlabs => Volatile.Read(ref _getSlabs);

    public long GetBytes => Volatile.Read(ref _getBytes);

    public long HitBlocks => Volatile.Read(ref _hitBlocks);

    public long MissBlocks => Volatile.Read(ref _missBlocks);

    public long EvictedBlocks => Volatile.Read(ref _evictedBlocks);

    public long RefusedSlabs => Volatile.Read(ref _refusedSlabs);

    public long CorruptSlabs => Volatile.Read(ref _corruptSlabs);

    public long CutThroughSlabs => Volatile.Read(ref _cutThroughSlabs);

    public long StaleEpochPuts => Volatile.Read(ref _staleEpochPuts);

    public long DroppedBlocks => Volatile.Read(ref _droppedBlocks);

    public long AbortedBlocks => Volatile.Read(ref _abortedBlocks);

    /// <summary>Blocks copied to other shards, as one joined or before this one stopped.</summary>
    public long HandedOver => Volatile.Read(ref _handedOverBlocks);

    /// <summary>Blocks that another shard did not take or could not be given; each attempt counts.</summary>
    public long NotHandedOver => Volatile.Read(ref _notHandedOverBlocks);

    /// <summary>Of the blocks found: those that only a lower tier had.</summary>
    public long BelowHitBlocks => Volatile.Read(ref _belowHitBlocks);

    /// <summary>Blocks brought up from the tier below.</summary>
    public long PromotedBlocks => Volatile.Read(ref _promotedBlocks);

    /// <summary>Blocks evicted because their owner was over its quota.</summary>
    public long OverQuotaBlocks => Volatile.Read(ref _overQuotaBlocks);

    /// <summary>Blocks dropped because nobody had asked for them in time.</summary>
    public long ExpiredBlocks => Volatile.Read(ref _expiredBlocks);

    public void OverQuotaBlock() => Interlocked.Increment(ref _overQuotaBlocks);

    public void ExpiredBlock() => Interlocked.Increment(ref _expiredBlocks);

    public void HandedOverBlocks(int count) => Interlocked.Add(ref _handedOverBlocks, count);

    public void NotHandedOverBlocks(int count) => Interlocked.Add(ref _notHandedOverBlocks, count);

    public void StoredSlab(int sizeBytes)
    {
        Interlocked.Increment(ref _putSlabs);
        Interlocked.Add(ref _putBytes, sizeBytes);
    }

    public void SentSlab(int sizeBytes, bool isCutThrough)
    {
        Interlocked.Increment(ref _getSlabs);
        Interlocked.Add(ref _getBytes, sizeBytes);
        if (isCutThrough)
        {
            Interlocked.Increment(ref _cutThroughSlabs);
        }
    }

    public void FoundBlocks(int count) => Interlocked.Add(ref _hitBlocks, count);

    public void FoundBelow(int count) => Interlocked.Add(ref _belowHitBlocks, count);

    public void PromotedBlock() => Interlocked.Increment(ref _promotedBlocks);

    public void MissedBlocks(int count) => Interlocked.Add(ref _missBlocks, count);

    public void EvictedBlock() => Interlocked.Increment(ref _evictedBlocks);

    public void RefusedSlab() => Interlocked.Increment(ref _refusedSlabs);

    public void CorruptSlab() => Interlocked.Increment(ref _corruptSlabs);

    public void StaleEpochPut() => Interlocked.Increment(ref _staleEpochPuts);

    public void DroppedBlock() => Interlocked.Increment(ref _droppedBlocks);

    public void AbortedBlock() => Interlocked.Increment(ref _abortedBlocks);
}
