using KvCluster.Gateway.Admission;

namespace KvCluster.Gateway.Grains;

/// <summary>What is new in a request.</summary>
[GenerateSerializer, Immutable]
public sealed record GenerateUpdate
{
    [Id(0)] public int[] TokenIds { get; init; } = [];

    /// <summary>One a token when asked for; else empty.</summary>
    [Id(1)] public TokenChance[] Logprobs { get; init; } = [];

    [Id(2)] public GenerateFinish Finish { get; init; }

    /// <summary>Null: as before.</summary>
    [Id(3)] public RequestProgress? Progress { get; init; }

    /// <summary>The last of the tokens is an end or stop token: it counts, but is not part of the text.</summary>
    [Id(5)] public bool EndsWithStopToken { get; init; }

    /// <summary>Set with <see cref="GenerateFinish.Failed"/>.</summary>
    [Id(4)] public RequestError? Error { get; init; }
}
