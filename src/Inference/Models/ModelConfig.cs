using System.Collections.Immutable;

namespace KvCluster.Inference.Models;

/// <summary>The shape of a model, from the config.json of a Hugging Face folder.</summary>
public sealed record ModelConfig
{
    public required ModelArchitecture Architecture { get; init; }

    /// <summary><c>model_type</c> as written in config.json, e.g. <c>llama</c>.</summary>
    public required string ModelType { get; init; }

    public required int HiddenSize { get; init; }

    /// <summary>Width of the gated MLP.</summary>
    public required int IntermediateSize { get; init; }

    public required int LayerCount { get; init; }

    /// <summary>Query heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key and value heads; divides <see cref="HeadCount"/>.</summary>
    public required int KvHeadCount { get; init; }

    /// <summary>Elements of one head: <c>head_dim</c>, else hidden size / heads. Even.</summary>
    public required int HeadSize { get; init; }

    public required int VocabularySize { get; init; }

    /// <summary>Longest context in tokens, prompt and output together.</summary>
    public required int MaxPositionCount { get; init; }

    public float RmsNormEpsilon { get; init; } = 1e-6f;

    public double RopeTheta { get; init; } = 10_000;

    public RopeScaling RopeScaling { get; init; } = RopeScaling.None;

    /// <summary>The output projection is the embedding matrix.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>The q, k and v projections have biases (Qwen2).</summary>
    public bool AttentionBias { get; init; }

    /// <summary>The output projection of attention has a bias too (Llama with <c>attention_bias</c>).</summary>
    public bool AttentionOutputBias { get; init; }

    /// <summary>The three MLP projections have biases (Llama with <c>mlp_bias</c>).</summary>
    public bool MlpBias { get; init; }

    /// <summary>Query and key heads pass an RMS norm before RoPE (Qwen3).</summary>
    public bool QkNorm { get; init; }

    /// <summary>Ids that end generation, from config.json and generation_config.json; may be empty.</summary>
    public ImmutableArray<int> EosTokenIds { get; init; } = [];

    public int? BosTokenId { get; init; }
}
