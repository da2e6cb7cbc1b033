using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

internal sealed class ChatBodyMessage
{
    public string? Role { get; set; }

    /// <summary>A string, or an array of text parts, which are joined.</summary>
    [JsonConverter(typeof(ContentConverter))]
    public string? Content { get; set; }
}
