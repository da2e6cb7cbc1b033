using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>CUlaunchAttribute with a 32-bit value.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct CudaLaunchAttribute
{
    /// <summary>The kernel may start before the one ahead of it in the stream has ended, and says itself where it needs its results.</summary>
    public const int ProgrammaticStreamSerialization = 6;

    [FieldOffset(0)]
    public int Id;

    [FieldOffset(8)]
    public int Value;
}
