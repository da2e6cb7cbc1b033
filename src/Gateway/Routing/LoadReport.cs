namespace KvCluster.Gateway.Routing;

/// <summary>What a worker's heartbeat says of its load.</summary>
[GenerateSerializer, Immutable]
public sealed record LoadReport
{
    public static readonly LoadReport Idle = new();

    /// <summary>Prompt tokens waiting or in work and not yet computed.</summary>
    [Id(0)] public long QueuedTokens { get; init; }

    [Id(1)] public int RunningSequences { get; init; }

    [Id(2)] public int WaitingSequences { get; init; }

    [Id(3)] public long KvBytes { get; init; }

    /// <summary>0 when there is no limit.</summary>
    [Id(4)] public long KvByteBudget { get; init; }
}
