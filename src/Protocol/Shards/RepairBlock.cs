using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Shards;

/// <summary>A whole Block on its way to homes that lack it. Owns a lease a layer.</summary>
/// <param name="id">The Block.</param>
/// <param name="owner">Whose; all zero: nobody's.</param>
/// <param name="slabs">By layer, verified.</param>
/// <param name="homes">Where it goes.</param>
public sealed class RepairBlock(BlockId id, BlockId owner, SlabLease[] slabs, IReadOnlyList<string> homes) : IDisposable
{
    public BlockId Id => id;

    public BlockId Owner => owner;

    public IReadOnlyList<SlabLease> Slabs => slabs;

    public IReadOnlyList<string> Homes => homes;

    public long SizeBytes { get; } = slabs.Sum(slab => (long)slab.SizeBytes);

    public void Dispose() => Array.ForEach(slabs, slab => slab.Dispose());
}
