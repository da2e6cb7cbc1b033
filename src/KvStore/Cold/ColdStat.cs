namespace KvCluster.KvStore.Cold;

/// <summary>What a cold tier holds at one moment.</summary>
/// <param name="BlockCount">Blocks stored, queued ones not counted.</param>
/// <param name="ByteCount">Bytes that the tier takes up, everything counted.</param>
/// <param name="ByteBudget">Most bytes that it may take up.</param>
/// <param name="QueuedBlockCount">Blocks that wait to be written.</param>
/// <param name="QueuedByteCount">Their bytes of slabs.</param>
/// <param name="HeldBlockCount">Blocks that may not be dropped for room.</param>
/// <param name="SegmentCount">Files that hold blocks.</param>
internal readonly record struct ColdStat(
    int BlockCount,
    long ByteCount,
    long ByteBudget,
    int QueuedBlockCount,
    long QueuedByteCount,
    int HeldBlockCount,
    int SegmentCount);
