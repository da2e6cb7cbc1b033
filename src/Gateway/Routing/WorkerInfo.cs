namespace KvCluster.Gateway.Routing;

/// <summary>What a worker said of itself when it registered.</summary>
[GenerateSerializer, Immutable]
public sealed record WorkerInfo
{
    [Id(0)] public required string WorkerId { get; init; }

    [Id(1)] public required PoolRole Role { get; init; }

    [Id(2)] public required string Address { get; init; }

    /// <summary>Empty for KvStore shards.</summary>
    [Id(3)] public string Model { get; init; } = "";

    [Id(4)] public KvIdentity Identity { get; init; }

    [Id(5)] public string KvSpec { get; init; } = "";

    [Id(6)] public int MaxContextTokens { get; init; }

    /// <summary>Sequences it runs at once; 0 when it did not say.</summary>
    [Id(7)] public int MaxSequences { get; init; }
}
