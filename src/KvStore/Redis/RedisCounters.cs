namespace KvCluster.KvStore.Redis;

/// <summary>What only a Redis tier counts, since it started. Thread-safe.</summary>
internal sealed class RedisCounters
{
    private long _locatedBlocks;
    private long _sharedBlocks;
    private long _vanishedBlocks;
    private long _failedQueries;
    private long _timeouts;
    private long _outages;

    /// <summary>Blocks found by asking for them.</summary>
    public long LocatedBlocks => Volatile.Read(ref _locatedBlocks);

    /// <summary>Blocks not sent because another shard had written them.</summary>
    public long SharedBlocks => Volatile.Read(ref _sharedBlocks);

    /// <summary>Blocks known to be there that were gone when they were read.</summary>
    public long VanishedBlocks => Volatile.Read(ref _vanishedBlocks);

    /// <summary>Questions for blocks that were not answered.</summary>
    public long FailedQueries => Volatile.Read(ref _failedQueries);

    /// <summary>Commands that were not answered in time.</summary>
    public long Timeouts => Volatile.Read(ref _timeouts);

    /// <summary>Times when Redis was given up for a while.</summary>
    public long Outages => Volatile.Read(ref _outages);

    public void Located(int count) => Interlocked.Add(ref _locatedBlocks, count);

    public void SharedBlock() => Interlocked.Increment(ref _sharedBlocks);

    public void VanishedBlock() => Interlocked.Increment(ref _vanishedBlocks);

    public void FailedQuery() => Interlocked.Increment(ref _failedQueries);

    public void TimedOut() => Interlocked.Increment(ref _timeouts);

    public void Outage() => Interlocked.Increment(ref _outages);
}
