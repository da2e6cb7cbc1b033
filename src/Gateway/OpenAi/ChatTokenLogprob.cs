using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Bytes are the token's UTF-8, possibly part of a character.</summary>
internal sealed record ChatTokenLogprob(string Token, float Logprob, int[] Bytes)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChatTokenLogprob[]? TopLogprobs { get; init; }
}
