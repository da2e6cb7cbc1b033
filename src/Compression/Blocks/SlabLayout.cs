namespace KvCluster.Compression.Blocks;

/// <summary>The order of elements in a payload.</summary>
public enum SlabLayout : ushort
{
    /// <summary>K with one row a channel, V with one row a token: the orders in which attention reads them.</summary>
    Rows = 1,
}
