using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Reads;

/// <param name="Kind">What to do.</param>
/// <param name="Cursor">The block meant by Slab and Aborted.</param>
/// <param name="Layer">Layer of the slab, or the first that is not coming.</param>
/// <param name="LayerCount">Layers of the block.</param>
/// <param name="Slab">A share of the stored slab, the receiver's to dispose; not yet verified.</param>
/// <param name="IsCutThrough">Whether the block was still being put.</param>
/// <param name="IsFetching">Whether the store is bringing a block of the session up by itself: no time to give up.</param>
/// <param name="Wake">Ends when a block of the session may have become ready.</param>
internal readonly record struct ReadStep(
    ReadStepKind Kind,
    BlockCursor? Cursor = null,
    int Layer = 0,
    int LayerCount = 0,
    SlabLease? Slab = null,
    bool IsCutThrough = false,
    bool IsFetching = false,
    Task? Wake = null);
