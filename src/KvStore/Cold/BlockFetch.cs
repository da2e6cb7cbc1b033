using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Reads;

namespace KvCluster.KvStore.Cold;

/// <summary>One block on its way from a cold tier into memory, and who waits for it. Guarded by <see cref="Promotions"/>.</summary>
internal sealed class BlockFetch(BlockId id)
{
    public BlockId Id { get; } = id;

    public List<BlockCursor> Cursors { get; } = [];

    /// <summary>The block was dropped in the meantime.</summary>
    public bool IsCancelled { get; set; }
}
