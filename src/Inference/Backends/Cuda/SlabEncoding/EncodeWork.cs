using System.Runtime.InteropServices;
using KvCluster.Compression.Saliency;

namespace KvCluster.Inference.Backends.Cuda.SlabEncoding;

/// <summary>
/// A full Block that is to be encoded: <c>struct EncodeItem</c> of Kernels/encode_work.cuh. The same for all layers: places are relative to addresses of
/// <see cref="EncodeWork"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EncodeItem
{
    /// <summary>For <see cref="Pooled"/>, <see cref="Slab"/> and <see cref="Queries"/>: not there.</summary>
    public const int None = -1;

    /// <summary>Row of its first token; of an open Block its place.</summary>
    public int Source;

    /// <summary>1: K and V stand in an open Block; 0: in rows.</summary>
    public int IsOpen;

    /// <summary>Place in the pool of sealed Blocks, where it is written as <see cref="Attention.PooledPayload"/> says.</summary>
    public int Pooled;

    /// <summary>Place among slabs, where it is written as a slab's payload is.</summary>
    public int Slab;

    /// <summary><see cref="IBlockEncoder.Probes"/> of the Block; 0 when the codec has no saliency.</summary>
    public ulong Probes;

    /// <summary>Place of its probes' queries, when they are not those of its rows.</summary>
    public int Queries;

    public int Unused;
}

/// <summary>
/// Argument of Kernels/encode_blocks.cu for one layer: <c>struct EncodeWork</c> of encode_work.cuh. Addresses are the device's, multiples of 16; of what no
/// item needs they may be 0.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EncodeWork
{
    /// <summary>[rows][query heads][head size], 16-bit floats, rotated: probes are among them.</summary>
    public ulong Query;

    /// <summary>[rows][KV heads][head size], 16-bit floats, rotated.</summary>
    public ulong Key;

    public ulong Value;

    /// <summary>Open Blocks of the layer.</summary>
    public ulong Open;

    /// <summary>[items][probe][query heads][head size] of 16-bit floats: queries of probes that are not among the rows.</summary>
    public ulong Queries;

    /// <summary>Pool of the layer's sealed Blocks.</summary>
    public ulong Sealed;

    /// <summary>Payloads as slabs have them.</summary>
    public ulong Slabs;

    /// <summary>Of <see cref="EncodeItem"/>.</summary>
    public ulong Items;

    /// <summary><see cref="IBlockEncoder.ScratchBytes"/>.</summary>
    public ulong Scratch;

    /// <summary>In bytes.</summary>
    public ulong OpenStride;

    /// <summary>From item to item of <see cref="Queries"/>, in 16-bit values.</summary>
    public ulong QueriesStride;

    /// <summary>In bytes.</summary>
    public ulong SealedStride;

    /// <summary>In bytes, a multiple of 16.</summary>
    public ulong SlabStride;

    /// <summary>From row to row, in 16-bit values, a multiple of 8; so are the next two.</summary>
    public int QueryStride;

    public int KeyStride;
    public int ValueStride;
    public int KvHeadCount;
    public int GroupSize;
    public int ItemCount;
    public SaliencyNorm Norm;

    /// <summary>1 / sqrt(head size).</summary>
    public float SoftmaxScale;
}
