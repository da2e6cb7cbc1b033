using KvCluster.Compression.Blocks;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>A whole block on the client's side; owns its slabs.</summary>
internal sealed class StoreBlock(BlockId id, SlabLease[] slabs) : IDisposable
{
    public BlockId Id => id;

    public SlabLease[] Slabs => slabs;

    public void Dispose() => Array.ForEach(slabs, static slab => slab.Dispose());
}
