using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Engine;

/// <summary>How the tokens of a Sequence fall into Blocks, and the ids that follow from them.</summary>
public sealed class SequenceBlocks
{
    private readonly int[] _tokenIds;

    /// <param name="root">Parent of the first Block: <see cref="BlockIdChain.Root"/>.</param>
    /// <param name="tokenIds">The whole Sequence; kept, not copied.</param>
    /// <param name="hasTail">Whether the tokens past the last full Block travel as a Tail.</param>
    public SequenceBlocks(BlockId root, int[] tokenIds, bool hasTail)
    {
        _tokenIds = tokenIds;
        Root = root;
        BlockIds = BlockIdChain.FullBlocks(root, tokenIds);
        var sealedTokenCount = BlockIds.Length * KvGeometry.BlockTokenCount;
        if (hasTail && sealedTokenCount < tokenIds.Length)
        {
            TailId = BlockIdChain.Next(BlockIds.Length == 0 ? root : BlockIds[^1], tokenIds.AsSpan(sealedTokenCount));
        }
    }

    public BlockId Root { get; }

    /// <summary>Of the full Blocks, in order.</summary>
    public BlockId[] BlockIds { get; }

    /// <summary>Null: no Tail, or it does not travel.</summary>
    public BlockId? TailId { get; }

    public int TokenCount => _tokenIds.Length;

    public ReadOnlySpan<int> TokenIds => _tokenIds;

    /// <summary>Empty without <see cref="TailId"/>.</summary>
    public ReadOnlySpan<int> TailTokenIds =>
        TailId is null ? [] : _tokenIds.AsSpan(BlockIds.Length * KvGeometry.BlockTokenCount);

    public ReadOnlySpan<int> BlockTokenIds(int index) =>
        _tokenIds.AsSpan(index * KvGeometry.BlockTokenCount, KvGeometry.BlockTokenCount);
}
