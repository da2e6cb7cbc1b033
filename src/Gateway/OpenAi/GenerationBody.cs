using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>What bodies of both completion routes have in common; names and meanings are OpenAI's, extensions vLLM's.</summary>
internal abstract class GenerationBody
{
    public string? Model { get; set; }

    public int? MaxTokens { get; set; }

    /// <summary>The newer name of <see cref="MaxTokens"/>; wins when both are there.</summary>
    public int? MaxCompletionTokens { get; set; }

    public float? Temperature { get; set; }

    public float? TopP { get; set; }

    public float? FrequencyPenalty { get; set; }

    public float? PresencePenalty { get; set; }

    public long? Seed { get; set; }

    [JsonConverter(typeof(StopConverter))]
    public string[]? Stop { get; set; }

    public int? N { get; set; }

    public bool? Stream { get; set; }

    public StreamOptions? StreamOptions { get; set; }

    /// <summary>The tenant, or with API keys a part of the key's, unless header X-Tenant says otherwise.</summary>
    public string? User { get; set; }

    /// <summary>Extension.</summary>
    public int? TopK { get; set; }

    /// <summary>Extension.</summary>
    public float? MinP { get; set; }

    /// <summary>Extension.</summary>
    public float? RepetitionPenalty { get; set; }

    /// <summary>Extension.</summary>
    public bool? IgnoreEos { get; set; }

    /// <summary>Extension.</summary>
    public int[]? StopTokenIds { get; set; }

    /// <summary>Not supported: refused unless empty, for the answer would silently be another one.</summary>
    public JsonElement? LogitBias { get; set; }

    /// <summary>Fields that would change the answer but are not supported, with their values.</summary>
    public virtual IEnumerable<(string Name, JsonElement? Value)> Unsupported => [("logit_bias", LogitBias)];
}

internal sealed class StreamOptions
{
    public bool? IncludeUsage { get; set; }
}
