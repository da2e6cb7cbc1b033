using System.Collections.Immutable;

namespace KvCluster.Inference.Sampling;

/// <summary>How tokens of one request are chosen. Defaults: greedy, no penalties, up to 256 tokens.</summary>
public sealed record SamplingParameters
{
    public const int MaxLogprobCount = 20;
    public const int MaxStopStringCount = 16;
    public const int MaxStopStringLength = 1024;
    public const int MaxLogitBiasCount = 1024;

    /// <summary>Most tokens to generate; at least 1.</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>0: greedy, the other filters have no effect. Up to 100.</summary>
    public float Temperature { get; init; }

    /// <summary>Keep the k most likely tokens; 0: all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep the fewest most likely tokens whose probabilities reach this sum; in (0, 1], 1: all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Drop tokens less likely than this share of the most likely one; in [0, 1], 0: none.</summary>
    public float MinP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens of prompt and output; above 0, 1: off (Keskar et al. 2019).</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Subtracted once from the logit of every generated token; in [-2, 2].</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Subtracted from a logit for each time its token was generated; in [-2, 2].</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Null: the server draws one, so answers differ.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Texts that end generation; they are not part of the output.</summary>
    public ImmutableArray<string> StopStrings { get; init; } = [];

    /// <summary>Ids that end generation besides those of the model.</summary>
    public ImmutableArray<int> StopTokenIds { get; init; } = [];

    /// <summary>Go on after the model's end token; for benchmarks.</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>Log probabilities to report for each token besides its own, 0 to 20; null: none at all.</summary>
    public int? LogprobCount { get; init; }

    /// <summary>Added to logits by token id; in [-100, 100].</summary>
    public ImmutableDictionary<int, float> LogitBias { get; init; } = ImmutableDictionary<int, float>.Empty;

    public bool IsGreedy => Temperature == 0;

    /// <summary>True when <see cref="TokenCounts"/> must be kept.</summary>
    public bool HasPenalties => RepetitionPenalty != 1 || PresencePenalty != 0 || FrequencyPenalty != 0;

    /// <summary>Every error, not only the first; empty when valid.</summary>
    /// <param name="vocabularySize">Checks token ids against it; null: against negatives only.</param>
    public IReadOnlyList<SamplingError> Validate(int? vocabularySize = null) => SamplingValidation.Validate(this, vocabularySize);
}
