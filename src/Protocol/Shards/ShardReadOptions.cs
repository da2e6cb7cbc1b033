namespace KvCluster.Protocol.Shards;

/// <summary>How patient reads of shards are.</summary>
public sealed record ShardReadOptions
{
    /// <summary>The shortest time after which a replica is asked too. Default 30 ms.</summary>
    public TimeSpan HedgeMinDelay { get; init; } = TimeSpan.FromMilliseconds(30);

    /// <summary>Most hedged reads as a share of all reads of Blocks that have a replica. Default 0.05; 0: none.</summary>
    public double HedgeShare { get; init; } = 0.05;

    /// <summary>A shard that sends nothing for this long of Blocks it should hold is given up for them. Default 10 s.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
