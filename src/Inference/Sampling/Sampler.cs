namespace KvCluster.Inference.Sampling;

/// <summary>
/// Chooses the next token of a Sequence from its logits. Order, as in Hugging Face: logit bias, repetition, presence and
/// frequency penalty, temperature, top-k, top-p, min-p. Holds scratch only: one sampler serves any sequences, one at a time.
/// After the first call with a vocabulary size nothing is allocated.
/// </summary>
public sealed class Sampler
{
    private readonly CandidateFilter _filter = new();
    private readonly TopLogprobs _logprobs = new();

    /// <param name="logits">One value a token id; changed in place by bias and penalties.</param>
    /// <param name="parameters">Already validated.</param>
    /// <param name="counts">Tokens so far; needed only when <see cref="SamplingParameters.HasPenalties"/>.</param>
    /// <param name="seed">The request's seed; the same for all its tokens.</param>
    /// <param name="position">Position in the Sequence of the token being chosen; with the seed it fixes the draw.</param>
    public SampledToken Sample(Span<float> logits, SamplingParameters parameters, TokenCounts? counts, ulong seed, int position)
    {
        var max = LogitScan.FindMax(logits, out var status);
        if (status != SampleStatus.Ok)
        {
            return SampledToken.Failed(status);
        }

        if (parameters.LogprobCount is { } logprobCount)
        {
            _logprobs.Read(logits, max, logprobCount);
        }

        if (LogitPenalties.Apply(logits, parameters, counts))
        {
            max = LogitScan.FindMax(logits, out status);
            if (status != SampleStatus.Ok)
            {
                return SampledToken.Failed(status);
            }
        }

        var id = parameters.IsGreedy
            ? LogitScan.IndexOfFirst(logits, max)
            : _filter.Choose(logits, max, parameters, Philox.Uniform(seed, position));
        return new SampledToken
        {
            Id = id,
            Logprob = parameters.LogprobCount is null ? float.NaN : _logprobs.GetLogprob(id),
            TopLogprobs = parameters.LogprobCount is null ? default : _logprobs.Top,
        };
    }
}
