using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Elementary functions on vectors: the same operations for every lane, on every instruction set.</summary>
internal static class VectorMath
{
    public const float Log2E = 1.44269504f;

    /// <summary>2 to the x, relative error below 2e-7; exactly 0 below -126, NaN stays NaN, above 127 it is 2^127.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp2(Vector256<float> x)
    {
        Vector256<float> lowest = Vector256.Create(-126f);
        Vector256<float> highest = Vector256.Create(127f);
        Vector256<float> vanishes = Vector256.LessThan(x, lowest);
        x = Vector256.ConditionalSelect(Vector256.GreaterThan(x, highest), highest, x);
        x = Vector256.ConditionalSelect(vanishes, lowest, x);
        Vector256<float> whole = Vector256.Round(x);
        Vector256<float> f = x - whole;

        // Interpolation in the Chebyshev nodes of [-1/2, 1/2].
        Vector256<float> p = Vector256.Create(0.0001546144469646172f);
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(0.0013400428177419153f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(0.00961805667852609f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(0.05550327226670944f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(0.24022650922288827f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(0.6931472067028321f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256<float>.One);
        Vector256<int> exponent = Vector256.ConvertToInt32Native(whole) + Vector256.Create(127);
        p *= (exponent << 23).AsSingle();
        return Vector256.AndNot(p, vanishes);
    }

    /// <summary>x / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Silu(Vector256<float> x) =>
        x / (Vector256<float>.One + Exp2(x * Vector256.Create(-Log2E)));

    /// <summary>Sum of the lanes in a fixed order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> x)
    {
        Vector128<float> four = x.GetLower() + x.GetUpper();
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.GetElement(0) + two.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(Vector256<float> x)
    {
        Vector128<float> four = Vector128.MaxNative(x.GetLower(), x.GetUpper());
        Vector128<float> two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return MathF.Max(two.GetElement(0), two.GetElement(1));
    }
}
