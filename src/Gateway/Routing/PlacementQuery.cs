namespace KvCluster.Gateway.Routing;

/// <summary>What a request needs of a pool.</summary>
[GenerateSerializer, Immutable]
public sealed record PlacementQuery
{
    [Id(0)] public required KvIdentity Identity { get; init; }

    /// <summary>Prompt tokens that the worker would compute.</summary>
    [Id(1)] public int UncachedTokenCount { get; init; }

    /// <summary>Workers that refused this request; taken only when no other is left.</summary>
    [Id(2)] public string[] AvoidedWorkerIds { get; init; } = [];
}
