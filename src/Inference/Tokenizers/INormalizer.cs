namespace KvCluster.Inference.Tokenizers;

/// <summary>Rewrites text before it is split into pieces.</summary>
internal interface INormalizer
{
    public string Normalize(string text);
}
