namespace KvCluster.KvStore.Tiers;

/// <summary>What a tier holds at one moment.</summary>
internal readonly record struct TierStat(
    int BlockCount,
    long ByteCount,
    long ByteBudget,
    int LeasedBlockCount,
    int PendingBlockCount,
    int ReadBlockCount,
    int WaitingReaderCount)
{
    /// <summary>Bytes in memory that pins hold.</summary>
    public long PinnedByteCount { get; init; }
}
