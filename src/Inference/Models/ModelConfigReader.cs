using System.Collections.Immutable;
using System.Text.Json;

namespace KvCluster.Inference.Models;

/// <summary>Reads and checks config.json; every refusal names the field.</summary>
internal static class ModelConfigReader
{
    private const int MaxDimension = 1 << 24;

    private static readonly Dictionary<string, ModelArchitecture> Architectures = new(StringComparer.Ordinal)
    {
        ["LlamaForCausalLM"] = ModelArchitecture.Llama,
        ["MistralForCausalLM"] = ModelArchitecture.Mistral,
        ["Qwen2ForCausalLM"] = ModelArchitecture.Qwen2,
        ["Qwen3ForCausalLM"] = ModelArchitecture.Qwen3,
    };

    /// <param name="configJson">Bytes of config.json.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="defaults">What generation_config.json says; its end tokens join those of config.json.</param>
    public static ModelConfig Read(ReadOnlyMemory<byte> configJson, string path, GenerationDefaults defaults)
    {
        using var document = JsonFile.Parse(configJson, path);
        var json = new JsonFields(document.RootElement, path);
        var architecture = ReadArchitecture(json);
        if (json.Has("quantization_config"))
        {
            throw json.Error("quantization_config", "quantised weights are not supported; use the bf16, fp16 or fp32 weights");
        }

        RefuseSlidingWindow(json, architecture);
        RefuseActivation(json);
        var hiddenSize = json.Dimension("hidden_size", MaxDimension);
        var headCount = json.Dimension("num_attention_heads", MaxDimension);
        var kvHeadCount = json.Has("num_key_value_heads") ? json.Dimension("num_key_value_heads", MaxDimension) : headCount;
        if (headCount % kvHeadCount != 0)
        {
            throw json.Error("num_key_value_heads", $"{kvHeadCount} does not divide num_attention_heads {headCount}");
        }

        var headSize = ReadHeadSize(json, hiddenSize, headCount);
        var maxPositionCount = json.Dimension("max_position_embeddings", int.MaxValue);
        var bias = json.Boolean("attention_bias", false);
        return new ModelConfig
        {
            Architecture = architecture,
            ModelType = json.Text("model_type") ?? architecture.ToString().ToLowerInvariant(),
            HiddenSize = hiddenSize,
            IntermediateSize = json.Dimension("intermediate_size", MaxDimension),
            LayerCount = json.Dimension("num_hidden_layers", 4096),
            HeadCount = headCount,
            KvHeadCount = kvHeadCount,
            HeadSize = headSize,
            VocabularySize = json.Dimension("vocab_size", MaxDimension),
            MaxPositionCount = maxPositionCount,
            RmsNormEpsilon = (float)json.Positive("rms_norm_eps", 1e-6),
            RopeTheta = RopeReader.ReadTheta(json),
            RopeScaling = RopeReader.ReadScaling(json, maxPositionCount),
            TieWordEmbeddings = json.Boolean("tie_word_embeddings", false),
            AttentionBias = bias || architecture == ModelArchitecture.Qwen2,
            AttentionOutputBias = bias,
            MlpBias = json.Boolean("mlp_bias", false),
            QkNorm = architecture == ModelArchitecture.Qwen3,
            EosTokenIds = [.. json.TokenIds("eos_token_id").Concat(defaults.EosTokenIds).Distinct().Order()],
            BosTokenId = FirstOrNull(json.TokenIds("bos_token_id")),
        };
    }

    private static ModelArchitecture ReadArchitecture(JsonFields json)
    {
        var known = string.Join(", ", Architectures.Keys);
        if (!json.TryGet("architectures", out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0
            || list[0].ValueKind != JsonValueKind.String)
        {
            throw json.Error("architectures", $"missing; supported are {known}");
        }

        var name = list[0].GetString()!;
        return Architectures.TryGetValue(name, out var architecture)
            ? architecture
            : throw json.Error("architectures", $"'{name}' is not supported; supported are {known}");
    }

    private static void RefuseSlidingWindow(JsonFields json, ModelArchitecture architecture)
    {
        if (!json.TryGet("sliding_window", out var window) || window.ValueKind != JsonValueKind.Number)
        {
            return;
        }

        // Qwen writes a window but switches it by use_sliding_window; a window as long as the context changes nothing.
        var isActive = architecture is ModelArchitecture.Qwen2 or ModelArchitecture.Qwen3
            ? json.Boolean("use_sliding_window", false)
            : json.Boolean("use_sliding_window", true);
        if (isActive && window.TryGetInt64(out var length) && length < json.Dimension("max_position_embeddings", int.MaxValue))
        {
            throw json.Error("sliding_window", $"attention over a window of {length} tokens is not supported; use a model with full attention");
        }
    }

    private static void RefuseActivation(JsonFields json)
    {
        if (json.Text("hidden_act") is { } name and not ("silu" or "swish"))
        {
            throw json.Error("hidden_act", $"'{name}' is not supported; supported is silu");
        }
    }

    private static int ReadHeadSize(JsonFields json, int hiddenSize, int headCount)
    {
        if (!json.Has("head_dim") && hiddenSize % headCount != 0)
        {
            throw json.Error("num_attention_heads", $"{headCount} does not divide hidden_size {hiddenSize}, and head_dim is missing");
        }

        var headSize = json.Has("head_dim") ? json.Dimension("head_dim", MaxDimension) : hiddenSize / headCount;
        return headSize % 2 == 0 ? headSize : throw json.Error("head_dim", $"{headSize} is odd; RoPE needs an even head size");
    }

    private static int? FirstOrNull(ImmutableArray<int> ids) => ids.IsEmpty ? null : ids[0];
}
