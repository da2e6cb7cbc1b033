namespace KvCluster.Gateway.Routing;

/// <summary>What decides whether two workers can use each other's blocks.</summary>
[GenerateSerializer, Immutable]
public readonly record struct KvIdentity(
    [property: Id(0)] ulong ModelFingerprint,
    [property: Id(1)] ulong CodecFingerprint);
