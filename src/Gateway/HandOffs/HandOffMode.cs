namespace KvCluster.Gateway.HandOffs;

/// <summary>How prompts go from prefill to decode workers.</summary>
public enum HandOffMode
{
    /// <summary>Through the KvStore.</summary>
    Store = 0,

    /// <summary>Straight from the prefill to the decode worker, and to the KvStore behind.</summary>
    Direct = 1,

    /// <summary>Whichever of the two was faster lately.</summary>
    Auto = 2,
}

/// <summary>The way of one prompt from its prefill to its decode worker.</summary>
internal enum HandOffWay
{
    Store = 0,
    Direct = 1,
}
