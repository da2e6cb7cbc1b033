using KvCluster.Compression.Blocks;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends;

/// <summary>Brings Blocks of one Sequence to the device while their slabs still arrive, so that no step has to. Thread-safe.</summary>
public interface IBlockUpload : IDisposable
{
    /// <summary>Queues a slab; takes the lease. Each slab comes once.</summary>
    /// <param name="block">Index in the Sequence.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="slab">Verified and well-formed.</param>
    public void Add(int block, int layer, SlabLease slab);

    /// <summary>Ends when nothing is queued: what was added is on the device, or what was taken there is given back.</summary>
    public Task IdleAsync();

    /// <summary>Gives an empty device copy of a cache the leading Blocks that the cache has too. Only when idle; ends the upload.</summary>
    public void MoveTo(SequenceCache cache);
}
