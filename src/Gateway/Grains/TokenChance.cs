namespace KvCluster.Gateway.Grains;

/// <summary>Log-probabilities of one token and the likeliest at its place, natural logarithm.</summary>
[GenerateSerializer, Immutable]
public sealed record TokenChance
{
    [Id(0)] public required int TokenId { get; init; }

    [Id(1)] public required float Logprob { get; init; }

    /// <summary>Likeliest first.</summary>
    [Id(2)] public int[] TopTokenIds { get; init; } = [];

    [Id(3)] public float[] TopLogprobs { get; init; } = [];
}
