using KvCluster.Compression.Blocks;
using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>The BlockIds of a Sequence's full Blocks and of its Tail.</summary>
internal sealed record SequenceNames(BlockId[] BlockIds, BlockId? TailId)
{
    public static SequenceNames Of(string tenant, KvIdentity identity, ReadOnlySpan<int> tokenIds)
    {
        BlockId root = BlockIdChain.Root(tenant, identity.ModelFingerprint, identity.CodecFingerprint);
        BlockId[] blocks = BlockIdChain.FullBlocks(root, tokenIds);
        ReadOnlySpan<int> tail = tokenIds[(blocks.Length * KvGeometry.BlockTokenCount)..];
        BlockId last = blocks.Length > 0 ? blocks[^1] : root;
        return new SequenceNames(blocks, tail.IsEmpty ? null : BlockIdChain.Next(last, tail));
    }
}
