namespace KvCluster.Inference.Sampling;

/// <summary>The token a <see cref="Sampler"/> chose. Spans are the sampler's scratch, valid until its next call.</summary>
public readonly ref struct SampledToken
{
    public SampleStatus Status { get; init; }

    /// <summary>-1 unless <see cref="Status"/> is Ok.</summary>
    public int Id { get; init; }

    /// <summary>As in <see cref="TokenLogprob"/>; NaN when no log probabilities were asked for.</summary>
    public float Logprob { get; init; }

    /// <summary>The most likely tokens, most likely first, lower id first among equals.</summary>
    public ReadOnlySpan<TokenLogprob> TopLogprobs { get; init; }

    /// <summary>Chosen by a <see cref="TokenDraw"/>.</summary>
    public static SampledToken Drawn(int id) => new() { Id = id, Logprob = float.NaN };

    internal static SampledToken Failed(SampleStatus status) => new() { Status = status, Id = -1, Logprob = float.NaN };
}
