using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Body of <c>/v1/completions</c>.</summary>
internal sealed class TextBody : GenerationBody
{
    [JsonConverter(typeof(PromptsConverter))]
    public PromptInput[]? Prompt { get; set; }

    public int? Logprobs { get; set; }

    public bool? Echo { get; set; }

    public int? BestOf { get; set; }

    public JsonElement? Suffix { get; set; }

    public override IEnumerable<(string Name, JsonElement? Value)> Unsupported => [.. base.Unsupported, ("suffix", Suffix)];
}
