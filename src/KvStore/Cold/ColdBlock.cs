using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Cold;

/// <summary>A whole block on its way between tiers: one lease a layer, owned by whoever holds this.</summary>
internal sealed class ColdBlock(BlockId id, BlockIdentity identity, SlabLease[] slabs) : IDisposable
{
    private SlabLease[] _slabs = slabs;

    public BlockId Id { get; } = id;

    public BlockIdentity Identity { get; } = identity;

    /// <summary>By layer; empty once taken or disposed.</summary>
    public IReadOnlyList<SlabLease> Slabs => _slabs;

    public int LayerCount => Identity.LayerCount;

    /// <summary>Bytes of slabs.</summary>
    public long SizeBytes { get; } = slabs.Sum(slab => (long)slab.SizeBytes);

    /// <summary>Shares of a complete block in memory.</summary>
    public static ColdBlock ShareOf(StoredBlock block) =>
        new(block.Id, block.Identity, Array.ConvertAll(block.Slabs, slab => slab!.Share()));

    /// <summary>Another owner of the same bytes.</summary>
    public ColdBlock Share() => new(Id, Identity, Array.ConvertAll(_slabs, slab => slab.Share()));

    /// <summary>The first thing that is wrong with its slabs.</summary>
    public SlabError Verify()
    {
        for (int layer = 0; layer < _slabs.Length; layer++)
        {
            var expected = new SlabExpectation { BlockId = Id, Layer = layer };
            SlabError error = Slab.Verify(_slabs[layer].Span, expected, out SlabHeader header);
            error = error == SlabError.None ? Identity.Compare(BlockIdentity.Of(header, LayerCount)) : error;
            if (error != SlabError.None)
            {
                return error;
            }
        }

        return SlabError.None;
    }

    /// <summary>The leases, the receiver's from now on.</summary>
    public SlabLease[] TakeSlabs()
    {
        SlabLease[] taken = _slabs;
        _slabs = [];
        return taken;
    }

    public void Dispose() => Array.ForEach(TakeSlabs(), slab => slab.Dispose());
}
