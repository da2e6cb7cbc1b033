using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Makes whole slabs of open layers.</summary>
internal sealed class SlabEncoder(KvCodec codec)
{
    /// <summary>A slab with its header and checksums; the caller owns the lease.</summary>
    /// <param name="cache">Whose Block it is.</param>
    /// <param name="block">The Block.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="openLayer">K and V of all 64 tokens.</param>
    /// <param name="saliency">By token, for codecs that want it.</param>
    public SlabLease Encode(SequenceCache cache, KvBlock block, int layer, ReadOnlySpan<Half> openLayer, ReadOnlySpan<float> saliency)
    {
        int maxSizeBytes = codec.MaxPayloadSizeBytes(layer);
        SlabLease lease = cache.Pool.Rent(Slab.HeaderSizeBytes + maxSizeBytes);
        int sizeBytes = codec.Encode(layer, openLayer, saliency, lease.Span[Slab.HeaderSizeBytes..]);
        if (sizeBytes < maxSizeBytes)
        {
            lease = Shorten(cache, lease, Slab.HeaderSizeBytes + sizeBytes);
        }

        Slab.Write(lease.Span, cache.Header(block.BlockId, layer, block.FirstPosition, KvGeometry.BlockTokenCount, codec.Fingerprint, sizeBytes));
        return lease;
    }

    /// <summary>A slab of a payload that was encoded elsewhere.</summary>
    public SlabLease Wrap(SequenceCache cache, KvBlock block, int layer, ReadOnlySpan<byte> payload)
    {
        SlabLease lease = cache.Pool.Rent(Slab.HeaderSizeBytes + payload.Length);
        payload.CopyTo(lease.Span[Slab.HeaderSizeBytes..]);
        Slab.Write(lease.Span, cache.Header(block.BlockId, layer, block.FirstPosition, KvGeometry.BlockTokenCount, codec.Fingerprint, payload.Length));
        return lease;
    }

    /// <summary>K and V of a Block that waits for the end of its prompt: where a slab has them, so that attention finds them there; without a header.</summary>
    public static SlabLease Keep(SequenceCache cache, ReadOnlySpan<Half> openLayer)
    {
        SlabLease plain = cache.Pool.Rent(Slab.HeaderSizeBytes + (openLayer.Length * sizeof(ushort)));
        MemoryMarshal.AsBytes(openLayer).CopyTo(plain.Span[Slab.HeaderSizeBytes..]);
        return plain;
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
