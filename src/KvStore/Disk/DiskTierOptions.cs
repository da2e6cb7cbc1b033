namespace KvCluster.KvStore.Disk;

/// <summary>Sizes and times of a disk tier.</summary>
internal sealed record DiskTierOptions
{
    private const long MinSegmentBytes = 1 << 20;
    private const long MaxSegmentBytes = 256 << 20;

    /// <summary>Most bytes of segment files.</summary>
    public required long BudgetBytes { get; init; }

    /// <summary>A segment is sealed when the next record would make it longer. Default: a sixteenth of the budget, 1 to 256 MiB.</summary>
    public long SegmentSizeBytes { get => field > 0 ? field : Math.Clamp(BudgetBytes / 16, MinSegmentBytes, MaxSegmentBytes); init; }

    /// <summary>Most bytes of slabs that wait to be written; a block that is larger may wait alone.</summary>
    public long QueueBytes { get; init; } = 128 << 20;

    /// <summary>What is written is on its way to the device after this time at the latest.</summary>
    public TimeSpan FlushInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>And after this many bytes at the latest.</summary>
    public long FlushBytes { get; init; } = 32 << 20;

    /// <summary>After a write that failed, nothing is written for this time.</summary>
    public TimeSpan PauseAfterFailure { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Room that is kept free to carry records over from a segment that is reclaimed.</summary>
    public long ReserveBytes => (SegmentSizeBytes / 2) + 4096;

    /// <summary>Most bytes that are carried over from one segment.</summary>
    public long CarryLimitBytes => SegmentSizeBytes / 2;
}
