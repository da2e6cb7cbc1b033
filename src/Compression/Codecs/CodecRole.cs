namespace KvCluster.Compression.Codecs;

/// <summary>A stage's place in the pipeline: at most one of each, in this order, and exactly one quantiser.</summary>
public enum CodecRole
{
    Projector,
    Quantiser,
    Residual,
}
