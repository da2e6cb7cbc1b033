namespace KvCluster.KvStore.Cold;

/// <summary>What a cold tier has done since it started. Thread-safe.</summary>
internal sealed class ColdCounters
{
    private long _demotedBlocks;
    private long _declinedBlocks;
    private long _writtenBlocks;
    private long _writtenBytes;
    private long _readBlocks;
    private long _readBytes;
    private long _carriedBlocks;
    private long _reclaimedBlocks;
    private long _corruptBlocks;
    private long _unreadableBlocks;
    private long _failedWrites;
    private long _failedReads;
    private long _queueFullSkips;
    private long _noRoomSkips;
    private long _pausedSkips;

    /// <summary>Blocks queued for the tier.</summary>
    public long DemotedBlocks => Volatile.Read(ref _demotedBlocks);

    /// <summary>Blocks that were not worth a write.</summary>
    public long DeclinedBlocks => Volatile.Read(ref _declinedBlocks);

    public long WrittenBlocks => Volatile.Read(ref _writtenBlocks);

    public long WrittenBytes => Volatile.Read(ref _writtenBytes);

    public long ReadBlocks => Volatile.Read(ref _readBlocks);

    public long ReadBytes => Volatile.Read(ref _readBytes);

    /// <summary>Blocks written again because their segment was reclaimed.</summary>
    public long CarriedBlocks => Volatile.Read(ref _carriedBlocks);

    /// <summary>Blocks dropped for room.</summary>
    public long ReclaimedBlocks => Volatile.Read(ref _reclaimedBlocks);

    /// <summary>Blocks whose stored bytes were damaged: dropped, never delivered.</summary>
    public long CorruptBlocks => Volatile.Read(ref _corruptBlocks);

    /// <summary>Blocks sealed with a key that is not known: not held, and kept.</summary>
    public long UnreadableBlocks => Volatile.Read(ref _unreadableBlocks);

    public long FailedWrites => Volatile.Read(ref _failedWrites);

    public long FailedReads => Volatile.Read(ref _failedReads);

    /// <summary>Writes skipped because the device is slower than blocks come.</summary>
    public long QueueFullSkips => Volatile.Read(ref _queueFullSkips);

    /// <summary>Writes skipped because nothing may be dropped for them.</summary>
    public long NoRoomSkips => Volatile.Read(ref _noRoomSkips);

    /// <summary>Writes skipped in the pause after a write that failed.</summary>
    public long PausedSkips => Volatile.Read(ref _pausedSkips);

    public long SkippedWrites => QueueFullSkips + NoRoomSkips + PausedSkips;

    public void DemotedBlock() => Interlocked.Increment(ref _demotedBlocks);

    public void DeclinedBlock() => Interlocked.Increment(ref _declinedBlocks);

    public void Wrote(long sizeBytes)
    {
        Interlocked.Increment(ref _writtenBlocks);
        Interlocked.Add(ref _writtenBytes, sizeBytes);
    }

    public void Read(long sizeBytes)
    {
        Interlocked.Increment(ref _readBlocks);
        Interlocked.Add(ref _readBytes, sizeBytes);
    }

    public void CarriedBlock() => Interlocked.Increment(ref _carriedBlocks);

    public void Reclaimed(int count) => Interlocked.Add(ref _reclaimedBlocks, count);

    public void Corrupt(int count) => Interlocked.Add(ref _corruptBlocks, count);

    public void UnreadableBlock() => Interlocked.Increment(ref _unreadableBlocks);

    public void FailedWrite() => Interlocked.Increment(ref _failedWrites);

    public void FailedRead() => Interlocked.Increment(ref _failedReads);

    public void QueueFullSkip() => Interlocked.Increment(ref _queueFullSkips);

    public void NoRoomSkip() => Interlocked.Increment(ref _noRoomSkips);

    public void PausedSkip() => Interlocked.Increment(ref _pausedSkips);
}
