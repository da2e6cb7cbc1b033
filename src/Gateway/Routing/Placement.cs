namespace KvCluster.Gateway.Routing;

/// <summary>A worker chosen for a request, and the reservation to give back when the request is done with it.</summary>
[GenerateSerializer, Immutable]
public sealed record Placement
{
    [Id(0)] public required long ReservationId { get; init; }

    [Id(1)] public required WorkerInfo Worker { get; init; }

    [Id(2)] public required ulong Epoch { get; init; }
}
