using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Numerics;

/// <summary>16-bit to 32-bit floats by shifting bits: .NET has no F16C instructions.</summary>
/// <remarks>
/// Exact for every finite value, subnormals included. Infinity and NaN come out <b>finite</b>, as ±65536 up to ±131008: so no
/// NaN can come out of K and V.
/// </remarks>
public static unsafe class HalfConversion
{
    private const int KeptBits = unchecked((int)0x8FFFE000);

    /// <summary>Moves a 16-bit exponent (bias 15) to a 32-bit one (bias 127): 2^112.</summary>
    private const float ExponentShift = 5.192296858534828e33f;

    /// <summary>One value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(Half value) =>
        BitConverter.Int32BitsToSingle((BitConverter.HalfToInt16Bits(value) << 13) & KeptBits) * ExponentShift;

    /// <summary>Converts all of <paramref name="source"/> into the beginning of <paramref name="destination"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToSingle(ReadOnlySpan<Half> source, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, source.Length, nameof(destination));
        int i = 0;
        fixed (Half* from = source)
        fixed (float* to = destination)
        {
            for (; Avx2.IsSupported && i <= source.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            {
                Load8(from + i).Store(to + i);
            }

            for (; i < source.Length; i++)
            {
                to[i] = ToSingle(from[i]);
            }
        }
    }

    /// <summary>8 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> Load8(Half* source)
    {
        Vector256<int> bits = Widening.Words8((short*)source);
        return ((bits << 13) & Vector256.Create(KeptBits)).AsSingle() * ExponentShift;
    }

    /// <summary>8 values, each the low 16 bits of a lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> ToSingle(Vector256<int> lanes) =>
        ((((lanes << 16) >> 16) << 13) & Vector256.Create(KeptBits)).AsSingle() * ExponentShift;

    /// <summary>16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Load16(Half* source)
    {
        Vector512<int> bits = Widening.Words16((short*)source);
        return ((bits << 13) & Vector512.Create(KeptBits)).AsSingle() * ExponentShift;
    }
}
