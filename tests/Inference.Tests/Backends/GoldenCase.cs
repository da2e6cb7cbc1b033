using System.Text.Json.Serialization;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>One case of golden.json: what transformers computed in 32-bit floats.</summary>
public sealed record GoldenCase
{
    [JsonPropertyName("ids")]
    public required int[] TokenIds { get; init; }

    [JsonPropertyName("last_top20_ids")]
    public required int[] TopIds { get; init; }

    [JsonPropertyName("last_top20_logits")]
    public required float[] TopLogits { get; init; }

    [JsonPropertyName("mean_nll")]
    public required double? MeanNll { get; init; }

    [JsonPropertyName("greedy_ids")]
    public required int[] GreedyIds { get; init; }
}
