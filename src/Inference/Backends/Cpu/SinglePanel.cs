using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Rows of 32-bit floats.</summary>
internal readonly unsafe struct SinglePanel : IPanelReader
{
    public static int RowSizeBytes => PackedMatrix.PanelWidth * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(byte* row, out Vector256<float> low, out Vector256<float> high)
    {
        low = Vector256.Load((float*)row);
        high = Vector256.Load((float*)row + 8);
    }
}
