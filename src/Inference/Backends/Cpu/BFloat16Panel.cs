using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Rows of bfloat16 in the interleaved order of <see cref="PackedMatrix"/>.</summary>
internal readonly unsafe struct BFloat16Panel : IPanelReader
{
    public static int RowSizeBytes => PackedMatrix.PanelWidth * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(byte* row, out Vector256<float> low, out Vector256<float> high)
    {
        Vector256<uint> pairs = Vector256.Load((uint*)row);
        low = (pairs << 16).AsSingle();
        high = (pairs & Vector256.Create(0xFFFF0000u)).AsSingle();
    }
}
