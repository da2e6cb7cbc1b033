using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>A <c>text_completion</c>, whole or a chunk.</summary>
internal sealed record TextAnswer(string Id, string Object, long Created, string Model, TextChoice[] Choices)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompletionUsage? Usage { get; init; }
}

internal sealed record TextChoice(int Index, string Text, TextLogprobs? Logprobs, string? FinishReason);

/// <summary>One entry a token in each; offsets in characters from the beginning of the answer's text.</summary>
internal sealed record TextLogprobs(
    string[] Tokens, float[] TokenLogprobs, Dictionary<string, float>[] TopLogprobs, int[] TextOffset);
