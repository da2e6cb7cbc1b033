using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>A <c>chat.completion</c>, or one <c>chat.completion.chunk</c> of it.</summary>
internal sealed record ChatAnswer(string Id, string Object, long Created, string Model, ChatChoice[] Choices)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompletionUsage? Usage { get; init; }
}

/// <summary>Whole answers have a message, chunks a delta.</summary>
internal sealed record ChatChoice(int Index, ChatLogprobs? Logprobs, string? FinishReason)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChatAnswerMessage? Message { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChatAnswerMessage? Delta { get; init; }
}

internal sealed record ChatAnswerMessage
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Role { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Content { get; init; }
}

internal sealed record ChatLogprobs(ChatTokenLogprob[] Content);

/// <summary>Bytes are the token's UTF-8, possibly part of a character.</summary>
internal sealed record ChatTokenLogprob(string Token, float Logprob, int[] Bytes)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChatTokenLogprob[]? TopLogprobs { get; init; }
}
