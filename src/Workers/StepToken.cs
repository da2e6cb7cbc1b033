using KvCluster.Inference.Engine;
using KvCluster.Inference.Sampling;

namespace KvCluster.Workers;

/// <summary>What a step says of a Sequence's next token: the token, where the runner has drawn it, else the logits.</summary>
internal readonly ref struct StepToken(int drawnToken, Span<float> logits)
{
    private readonly Span<float> _logits = logits;

    public SampledToken Choose(Generation generation, Sampler sampler) =>
        drawnToken >= 0 ? SampledToken.Drawn(drawnToken) : generation.Choose(sampler, _logits);
}
