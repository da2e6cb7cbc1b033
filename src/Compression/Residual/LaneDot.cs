using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Residual;

/// <summary>Sums in a fixed order, the same on every processor: 16 lanes by index modulo 16, then halves added until one is left.</summary>
internal static unsafe class LaneDot
{
    /// <summary>Σ a·b; length a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* a, float* b, int length)
    {
        Vector256<float> lower = default;
        Vector256<float> upper = default;
        for (int i = 0; i < length; i += 16)
        {
            lower = Vector256.FusedMultiplyAdd(Vector256.Load(a + i), Vector256.Load(b + i), lower);
            upper = Vector256.FusedMultiplyAdd(Vector256.Load(a + i + 8), Vector256.Load(b + i + 8), upper);
        }

        return Fold(lower + upper);
    }

    /// <summary>Σ a; length a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float* a, int length)
    {
        Vector256<float> lower = default;
        Vector256<float> upper = default;
        for (int i = 0; i < length; i += 16)
        {
            lower += Vector256.Load(a + i);
            upper += Vector256.Load(a + i + 8);
        }

        return Fold(lower + upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Fold(Vector256<float> lanes)
    {
        Vector128<float> four = lanes.GetLower() + lanes.GetUpper();
        return four[0] + four[2] + (four[1] + four[3]);
    }
}
