using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Attention;

namespace KvCluster.Inference.Backends.Cuda.Stored;

/// <summary>Argument of stored_project.cu, stored_attention.cu and stored_combine.cu: <c>struct StoredWork</c> of Kernels/stored_work.cuh, where the shapes are.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StoredWork
{
    public AttentionWork Work;
    public StoredTable Table;
    public StoredTable Open;
    public ulong Queries;
    public ulong QueryScales;
    public ulong OpenPartials;
    public ulong OpenStates;
    public int KeyStride;
    public int ValueStride;
    public int StageCount;
    public int StageBytes;
    public int TableBytes;
}

/// <summary>Argument of stored_expand.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StoredExpandWork
{
    public StoredTable Table;
    public ulong Sealed;
    public ulong Items;
    public ulong Keys;
    public ulong Values;
    public ulong SealedStride;
    public int KvHeadCount;
    public int ItemCount;
}
