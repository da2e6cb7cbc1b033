namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>
/// Time of a codec's own work on the KV of a real prompt, medians of several rounds. Rounds of <c>raw</c> are taken in turn with those of the codec, so
/// that a slow moment of the machine meets both.
/// </summary>
internal sealed record CodecTiming
{
    /// <summary>Tokens that attention reads; the prompt's Blocks are repeated up to it.</summary>
    public required int ContextTokenCount { get; init; }

    /// <summary>All layers of one token on one thread, microseconds. Saliency is given, not computed.</summary>
    public required double EncodeMicrosecondsPerToken { get; init; }

    /// <summary>Of one new token to the encoded context, all layers and heads on all cores, microseconds.</summary>
    public required double AttentionMicroseconds { get; init; }

    /// <summary>Of <c>raw</c>, in the same rounds.</summary>
    public required double RawAttentionMicroseconds { get; init; }

    /// <summary>Median over the rounds of their ratio; under 1: attention on the encoded form is faster than on 16 bits.</summary>
    public required double AttentionTimeOfRaw { get; init; }
}
