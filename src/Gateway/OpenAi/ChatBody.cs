using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Body of <c>/v1/chat/completions</c>.</summary>
internal sealed class ChatBody : GenerationBody
{
    public ChatBodyMessage[]? Messages { get; set; }

    public bool? Logprobs { get; set; }

    public int? TopLogprobs { get; set; }

    public JsonElement? Tools { get; set; }

    public JsonElement? Functions { get; set; }

    public JsonElement? ResponseFormat { get; set; }

    public JsonElement? Audio { get; set; }

    public override IEnumerable<(string Name, JsonElement? Value)> Unsupported =>
        [.. base.Unsupported, ("tools", Tools), ("functions", Functions), ("response_format", ResponseFormat), ("audio", Audio)];
}

internal sealed class ChatBodyMessage
{
    public string? Role { get; set; }

    /// <summary>A string, or an array of text parts, which are joined.</summary>
    [JsonConverter(typeof(ContentConverter))]
    public string? Content { get; set; }
}
