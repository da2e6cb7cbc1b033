using KvCluster.Compression.Blocks;
using KvCluster.Inference.Cache;

namespace KvCluster.DecodeWorker.Engine;

/// <summary>A Block that filled here, on its way to the KvStore: shared leases on all its slabs.</summary>
internal sealed class SealedBlock : IDisposable
{
    private readonly SlabLease?[] _slabs;

    public SealedBlock(KvBlock block, ulong epoch, BlockId root)
    {
        BlockId = block.BlockId;
        Epoch = epoch;
        Root = root;
        _slabs = new SlabLease?[block.LayerCount];
        for (var layer = 0; layer < _slabs.Length; layer++)
        {
            _slabs[layer] = block.Slab(layer)!.Share();
        }

        SizeBytes = block.SizeBytes;
    }

    public BlockId BlockId { get; }

    /// <summary>Of the worker, as in the headers of the slabs.</summary>
    public ulong Epoch { get; }

    /// <summary>Parent of the first Block of its Sequence.</summary>
    public BlockId Root { get; }

    public int LayerCount => _slabs.Length;

    public long SizeBytes { get; }

    /// <summary>Hands over the lease of a layer.</summary>
    public SlabLease Take(int layer)
    {
        var slab = _slabs[layer]!;
        _slabs[layer] = null;
        return slab;
    }

    public void Dispose()
    {
        for (var layer = 0; layer < _slabs.Length; layer++)
        {
            _slabs[layer]?.Dispose();
            _slabs[layer] = null;
        }
    }
}
