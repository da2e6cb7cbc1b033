using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>A <c>text_completion</c>, whole or a chunk.</summary>
internal sealed record TextAnswer(string Id, string Object, long Created, string Model, TextChoice[] Choices)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompletionUsage? Usage { get; init; }
}
