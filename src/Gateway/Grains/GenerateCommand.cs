using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>A validated request: tokens, not text.</summary>
[GenerateSerializer, Immutable]
public sealed record GenerateCommand
{
    [Id(0)] public required string RequestId { get; init; }

    [Id(1)] public required string Model { get; init; }

    /// <summary>The model and codec that the request was admitted for; attempts keep to them.</summary>
    [Id(2)] public required KvIdentity Identity { get; init; }

    [Id(3)] public required int[] PromptTokenIds { get; init; }

    [Id(4)] public required string Tenant { get; init; }

    /// <summary>A <c>kvcluster.v1.Sampling</c> message with max_tokens set: the proto is its one schema.</summary>
    [Id(5)] public required byte[] Sampling { get; init; }

    [Id(6)] public required ulong Seed { get; init; }
}
