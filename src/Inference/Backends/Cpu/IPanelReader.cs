using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>How the 16 weights of one row of a panel become floats.</summary>
internal unsafe interface IPanelReader
{
    public static abstract int RowSizeBytes { get; }

    /// <summary>Columns 0 to 7 and 8 to 15.</summary>
    public static abstract void Load(byte* row, out Vector256<float> low, out Vector256<float> high);
}
