using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>Argument of all attention kernels: <c>struct Work</c> of Kernels/work.cuh, where the shapes are. Addresses are the device's.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionWork
{
    public ulong Query;
    public ulong Sealed;
    public ulong Open;
    public ulong Entries;
    public ulong Starts;
    public ulong OpenTokens;
    public ulong Partials;
    public ulong States;
    public ulong Output;
    public ulong SealedStride;
    public ulong OpenStride;
    public int SequenceCount;
    public int KvHeadCount;
    public int GroupSize;
    public int ChunkCount;
    public float SoftmaxScale;
    public AttentionWorkFlags Flags;
}
