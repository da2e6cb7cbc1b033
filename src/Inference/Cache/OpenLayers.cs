using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Cache;

/// <summary>Where things are in an open layer: per KV head K as [channel][64 tokens], then V as [64 tokens][channel].</summary>
internal static class OpenLayers
{
    public const int BlockTokenCount = KvGeometry.BlockTokenCount;

    /// <summary>Offset of a KV head's K; its V follows after <see cref="HeadLength"/> / 2 values.</summary>
    public static int HeadOffset(KvGeometry geometry, int kvHead) => kvHead * HeadLength(geometry);

    /// <summary>Values of K and V of one head.</summary>
    public static int HeadLength(KvGeometry geometry) => 2 * BlockTokenCount * geometry.HeadSize;

    /// <summary>Zeroes all tokens from <paramref name="firstColumn"/> on.</summary>
    public static void ClearColumns(Span<Half> openLayer, KvGeometry geometry, int firstColumn)
    {
        int keyLength = BlockTokenCount * geometry.HeadSize;
        for (int kvHead = 0; kvHead < geometry.KvHeadCount; kvHead++)
        {
            Span<Half> head = openLayer.Slice(HeadOffset(geometry, kvHead), HeadLength(geometry));
            for (int channel = 0; channel < geometry.HeadSize; channel++)
            {
                head.Slice((channel * BlockTokenCount) + firstColumn, BlockTokenCount - firstColumn).Clear();
            }

            head[(keyLength + (firstColumn * geometry.HeadSize))..].Clear();
        }
    }
}
