using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Whole answers have a message, chunks a delta.</summary>
internal sealed record ChatChoice(int Index, ChatLogprobs? Logprobs, string? FinishReason)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChatAnswerMessage? Message { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChatAnswerMessage? Delta { get; init; }
}
