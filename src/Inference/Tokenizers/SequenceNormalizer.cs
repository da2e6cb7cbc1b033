namespace KvCluster.Inference.Tokenizers;

internal sealed class SequenceNormalizer(INormalizer[] steps) : INormalizer
{
    public string Normalize(string text) => steps.Aggregate(text, static (current, step) => step.Normalize(current));
}
