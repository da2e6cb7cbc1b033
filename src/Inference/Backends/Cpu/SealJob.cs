using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Encodes a layer of the Blocks that fill up. A task is one Block.</summary>
internal sealed class SealJob(StepPlan plan, Activations activations, KvCodec codec) : ParallelJob
{
    private int _layer;

    public void Run(ComputePool pool, int layer)
    {
        _layer = layer;
        pool.Run(this, plan.Sealing.Length);
    }

    public override void Execute(int task, int worker)
    {
        ref readonly StepSegment segment = ref plan.Segments[plan.Sealing[task]];
        SequenceCache cache = segment.Cache;
        KvBlock block = segment.Sealed!;
        ReadOnlySpan<Half> open = segment.Slot < 0 ? cache.OpenLayer(_layer) : activations.Slot(segment.Slot);
        int maxSizeBytes = codec.MaxPayloadSizeBytes(_layer);
        SlabLease lease = cache.Pool.Rent(Slab.HeaderSizeBytes + maxSizeBytes);
        int sizeBytes = codec.Encode(_layer, open, default, lease.Span[Slab.HeaderSizeBytes..]);
        if (sizeBytes < maxSizeBytes)
        {
            lease = Shorten(cache, lease, Slab.HeaderSizeBytes + sizeBytes);
        }

        Slab.Write(lease.Span, cache.Header(block.BlockId, _layer, block.FirstPosition, KvGeometry.BlockTokenCount, codec.Fingerprint, sizeBytes));
        block.SetSlab(_layer, lease);
    }

    /// <summary>A lease says the exact length of its slab, which codecs of variable size know only afterwards.</summary>
    private static SlabLease Shorten(SequenceCache cache, SlabLease lease, int sizeBytes)
    {
        using (lease)
        {
            SlabLease exact = cache.Pool.Rent(sizeBytes);
            lease.Span[..sizeBytes].CopyTo(exact.Span);
            return exact;
        }
    }
}
