namespace KvCluster.KvStore.Redis;

/// <summary>Sizes and times of a Redis tier.</summary>
internal sealed record RedisTierOptions
{
    /// <summary>StackExchange.Redis connection string.</summary>
    public required string Connection { get; init; }

    /// <summary>How long a block stays after it was written or read last.</summary>
    public TimeSpan BlockTtl { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Longest wait for an answer; for a value, as much longer as it takes at <see cref="MinBytesPerSecond"/>.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>A slower transfer of a value counts as no answer.</summary>
    public long MinBytesPerSecond { get; init; } = 16 << 20;

    /// <summary>Most bytes of slabs that wait to be written; a block that is larger may wait alone.</summary>
    public long QueueBytes { get; init; } = 64 << 20;

    /// <summary>What is known to be in Redis is asked for again after this time.</summary>
    public TimeSpan KnownTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Most blocks that are known to be in Redis.</summary>
    public int MaxKnownCount { get; init; } = 131_072;

    /// <summary>How often a Redis that was given up is tried again.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromMilliseconds(500);
}
