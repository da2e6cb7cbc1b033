namespace KvCluster.Inference.Tokenizers;

/// <summary>When a mark is put before text that does not begin with one.</summary>
internal enum MetaspacePrefix
{
    Never,

    /// <summary>Only where the caller's text begins.</summary>
    First,

    Always,
}
