using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Numerics;

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
    public static float Sum(float* a, int length) => Fold(Lanes(a, length));

    /// <summary>The 16 lanes of Σ a with their halves added, to be folded; length a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Lanes(float* a, int length)
    {
        Vector256<float> lower = default;
        Vector256<float> upper = default;
        for (int i = 0; i < length; i += 16)
        {
            lower += Vector256.Load(a + i);
            upper += Vector256.Load(a + i + 8);
        }

        return lower + upper;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Fold(Vector256<float> lanes)
    {
        Vector128<float> four = lanes.GetLower() + lanes.GetUpper();
        return four[0] + four[2] + (four[1] + four[3]);
    }

    /// <summary>Four at once, the same sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(Vector256<float> lanes0, Vector256<float> lanes1, Vector256<float> lanes2, Vector256<float> lanes3)
    {
        if (!Sse.IsSupported)
        {
            return Vector128.Create(Fold(lanes0), Fold(lanes1), Fold(lanes2), Fold(lanes3));
        }

        Vector128<float> four0 = lanes0.GetLower() + lanes0.GetUpper();
        Vector128<float> four1 = lanes1.GetLower() + lanes1.GetUpper();
        Vector128<float> four2 = lanes2.GetLower() + lanes2.GetUpper();
        Vector128<float> four3 = lanes3.GetLower() + lanes3.GetUpper();

        // Sums 0, 1 and 2, 3: their first two elements beside each other, plus their last two.
        Vector128<float> pair01 = Sse.MoveLowToHigh(four0, four1) + Sse.MoveHighToLow(four1, four0);
        Vector128<float> pair23 = Sse.MoveLowToHigh(four2, four3) + Sse.MoveHighToLow(four3, four2);
        return Sse.Shuffle(pair01, pair23, 0x88) + Sse.Shuffle(pair01, pair23, 0xDD);
    }
}
