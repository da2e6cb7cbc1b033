using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>
/// Argument of prefill attention in one layer: <c>struct PrefillWork</c> of Kernels/prefill.cuh, where the shapes are. Addresses are the device's,
/// multiples of 16; strides count 16-bit values and are multiples of 8. The tables are those of <see cref="PrefillTables"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PrefillWork
{
    public ulong Query;
    public ulong Key;
    public ulong Value;
    public ulong PastKey;
    public ulong PastValue;
    public ulong Sequences;
    public ulong Tiles;
    public ulong Output;
    public ulong LogSumExp;
    public int QueryStride;
    public int KeyStride;
    public int ValueStride;
    public int RowCount;
    public int PastRowCount;
    public int KvHeadCount;
    public int GroupSize;
    public int TileCount;
    public float SoftmaxScale;
    public AttentionWorkFlags Flags;
}

/// <summary>Argument of prefill_attention_warpgroup.cu.</summary>
[StructLayout(LayoutKind.Sequential, Size = 768)]
internal struct WarpgroupWork
{
    public TensorMap Query;
    public TensorMap Key;
    public TensorMap Value;
    public TensorMap PastKey;
    public TensorMap PastValue;
    public PrefillWork Work;
}

/// <summary>Argument of expand_blocks.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ExpandWork
{
    public ulong Sealed;
    public ulong Open;
    public ulong Items;
    public ulong Keys;
    public ulong Values;
    public ulong SealedStride;
    public ulong OpenStride;
    public int KvHeadCount;
    public int ItemCount;
}
