using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tiers;

/// <summary>What all slabs of a block say alike, whoever wrote them.</summary>
internal readonly record struct BlockIdentity(
    SlabLayout Layout,
    ulong ModelFingerprint,
    ulong CodecFingerprint,
    int FirstPosition,
    int TokenCount,
    int KvHeadCount,
    int HeadSize,
    int LayerCount)
{
    public static BlockIdentity Of(in SlabHeader header, int layerCount) => new(
        header.Layout,
        header.ModelFingerprint,
        header.CodecFingerprint,
        header.FirstPosition,
        header.TokenCount,
        header.KvHeadCount,
        header.HeadSize,
        layerCount);

    /// <summary>The first part in which a slab of <paramref name="other"/> does not belong to this block.</summary>
    public SlabError Compare(in BlockIdentity other)
    {
        if (other == this)
        {
            return SlabError.None;
        }

        if (other.ModelFingerprint != ModelFingerprint)
        {
            return SlabError.ForeignModel;
        }

        if (other.CodecFingerprint != CodecFingerprint || other.Layout != Layout)
        {
            return SlabError.ForeignCodec;
        }

        return other.FirstPosition != FirstPosition ? SlabError.WrongPosition : SlabError.WrongGeometry;
    }
}
