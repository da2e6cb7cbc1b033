using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Stored;

/// <summary>What kernels know of a layer's payloads: <c>struct StoredTable</c> of Kernels/stored.cuh. Addresses are the device's.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StoredTable
{
    public ulong Heads;
    public ulong Runs;
    public ulong Members;
    public ulong Maps;
    public ulong Spans;
    public int HeadCount;
    public int SizeBytes;
    public int TokenCount;
    public int ChosenOffset;
}
