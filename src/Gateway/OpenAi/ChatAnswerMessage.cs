using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

internal sealed record ChatAnswerMessage
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Role { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Content { get; init; }
}
