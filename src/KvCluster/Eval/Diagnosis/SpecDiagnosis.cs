namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>What a look inside the model said about a codec, on some prompts with their reference answers as next tokens.</summary>
internal sealed record SpecDiagnosis
{
    public required int RowCount { get; init; }

    /// <summary>Next-token distributions compared: one a token of the references.</summary>
    public required int DistributionCount { get; init; }

    /// <summary>
    /// Mean of KL(raw ‖ codec) of the next-token distributions, nats. Each run goes through the same encoded Blocks as the cluster: prompt, then
    /// reference, with every earlier Block in encoded form.
    /// </summary>
    public required double KlDivergence { get; init; }

    /// <summary>Share of the distributions whose likeliest token is that of <c>raw</c>.</summary>
    public required double SameTokenShare { get; init; }

    /// <summary>Mean of <see cref="AttentionErrors"/>; null when no prompt filled a Block.</summary>
    public double? AttentionError => AttentionErrors.Count == 0 ? null : AttentionErrors.Average();

    /// <summary>By layer: see <see cref="AttentionErrorSum"/>.</summary>
    public required IReadOnlyList<double> AttentionErrors { get; init; }

    /// <summary>Null when no prompt filled a Block, or it was not asked for.</summary>
    public CodecTiming? Timing { get; init; }
}
