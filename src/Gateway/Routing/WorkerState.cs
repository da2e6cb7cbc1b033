namespace KvCluster.Gateway.Routing;

/// <summary>One member of a pool at one moment.</summary>
[GenerateSerializer, Immutable]
public sealed record WorkerState
{
    [Id(0)] public required WorkerInfo Worker { get; init; }

    [Id(1)] public required LoadReport Load { get; init; }

    [Id(2)] public required ulong Epoch { get; init; }

    /// <summary>Finishes its work but gets no more.</summary>
    [Id(3)] public bool IsDraining { get; init; }

    /// <summary>A request lost it; it gets no work until it reports again.</summary>
    [Id(4)] public bool IsSuspect { get; init; }

    [Id(5)] public TimeSpan HeartbeatAge { get; init; }

    /// <summary>Time since this incarnation joined.</summary>
    [Id(7)] public TimeSpan Age { get; init; }

    /// <summary>Placements not yet released.</summary>
    [Id(6)] public int ReservationCount { get; init; }
}
