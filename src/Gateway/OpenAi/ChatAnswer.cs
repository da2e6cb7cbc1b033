using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>A <c>chat.completion</c>, or one <c>chat.completion.chunk</c> of it.</summary>
internal sealed record ChatAnswer(string Id, string Object, long Created, string Model, ChatChoice[] Choices)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompletionUsage? Usage { get; init; }
}
