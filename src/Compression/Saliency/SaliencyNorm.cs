namespace KvCluster.Compression.Saliency;

/// <summary>What a token's attention sum is divided by.</summary>
public enum SaliencyNorm
{
    /// <summary>The probes that see the token: the paper's formula, with nnz counted over the probe rows.</summary>
    Probes,

    /// <summary>All rows that see the token, probes or not: what the authors' code divides by, which favours late tokens.</summary>
    Official,

    /// <summary>Nothing: accumulated attention, the measure that the paper improves on.</summary>
    None,
}
