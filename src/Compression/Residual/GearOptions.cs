using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Residual;

/// <summary>What a spec says of a residual.</summary>
/// <param name="Rank">Of L, mean over K and V.</param>
/// <param name="Sparsity">Share of the elements of K and V that are outliers.</param>
/// <param name="KeyShare">Of ranks and of outliers, the share that keys get.</param>
internal readonly record struct GearOptions(int Rank, double Sparsity, double KeyShare)
{
    /// <summary>Ranks of the K and of the V of one head; none above its channels or tokens.</summary>
    public (int Keys, int Values) Ranks(int keySize, int valueSize)
    {
        int keys = Math.Min(MaxRank(keySize), (int)Math.Round(2 * Rank * KeyShare, MidpointRounding.AwayFromZero));
        return (keys, Math.Min(MaxRank(valueSize), (2 * Rank) - keys));
    }

    /// <summary>Most that a Block of a head with so many channels can have.</summary>
    public static int MaxRank(int channelCount) => Math.Min(channelCount, KvGeometry.BlockTokenCount);

    /// <summary>Outliers in the K and in the V of one head.</summary>
    public (int Keys, int Values) Outliers(int keyLength, int valueLength)
    {
        var both = (int)Math.Round(Sparsity * (keyLength + valueLength), MidpointRounding.AwayFromZero);
        int keys = Math.Min(keyLength, (int)Math.Round(both * KeyShare, MidpointRounding.AwayFromZero));
        int values = Math.Min(valueLength, both - keys);
        return (both - values, values);
    }
}
