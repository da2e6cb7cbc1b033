using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>Scale and zero of ranges of values (asymmetric uniform quantisation: x̂ = code·scale + zero), as 16-bit floats.</summary>
internal static unsafe class AffineParameters
{
    private const float Greatest = 65504;
    private const int GreatestBits = 0x7BFF;
    private const int Width = 8;

    /// <summary>
    /// The zero rounded down and the scale up, so that codes reach the whole range; both within finite 16-bit floats, the scale above 0, so that its
    /// inverse is finite. Leaves the zeros <i>as stored</i> in <paramref name="lows"/>, and 1/scale as stored in <paramref name="highs"/>.
    /// </summary>
    /// <param name="lows">Least values.</param>
    /// <param name="highs">Greatest values.</param>
    /// <param name="count">Of ranges; a multiple of 8.</param>
    /// <param name="maxCode">The largest code.</param>
    /// <param name="scales">Where scales go.</param>
    /// <param name="zeros">Where zeros go.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(float* lows, float* highs, int count, int maxCode, Half* scales, Half* zeros)
    {
        for (int i = 0; i < count; i += Width)
        {
            Vector256<int> zeroBits = Floor(Vector256.Load(lows + i));
            Vector256<float> zero = HalfConversion.ToSingle(zeroBits);
            Vector256<float> range = Vector256.MaxNative(Vector256.Load(highs + i) - zero, Vector256<float>.Zero);
            Vector256<int> scaleBits = Vector256.Max(Ceiling(range / Vector256.Create((float)maxCode)), Vector256<int>.One);
            zero.Store(lows + i);
            (Vector256<float>.One / HalfConversion.ToSingle(scaleBits)).Store(highs + i);
            Narrow(zeroBits).Store((ushort*)zeros + i);
            Narrow(scaleBits).Store((ushort*)scales + i);
        }
    }

    /// <summary>Every scale positive and finite, every zero finite.</summary>
    public static bool AreWellFormed(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> zeros)
    {
        bool isWellFormed = true;
        foreach (ushort scale in MemoryMarshal.Cast<byte, ushort>(scales))
        {
            isWellFormed &= scale is > 0 and <= GreatestBits;
        }

        foreach (ushort zero in MemoryMarshal.Cast<byte, ushort>(zeros))
        {
            isWellFormed &= (zero & 0x7FFF) <= GreatestBits;
        }

        return isWellFormed;
    }

    /// <summary>The greatest 16-bit floats that are not above the values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Floor(Vector256<float> values)
    {
        Vector256<int> magnitudes = Truncate(values, out Vector256<int> isInexact);
        Vector256<int> isNegative = Vector256.LessThan(values, Vector256<float>.Zero).AsInt32();
        return (magnitudes - (isInexact & isNegative)) | (isNegative & Vector256.Create(0x8000));
    }

    /// <summary>The least 16-bit floats that are not below values ≥ 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Ceiling(Vector256<float> values) => Truncate(values, out Vector256<int> isInexact) - isInexact;

    /// <summary>Magnitudes as 16-bit floats, the rest cut off; <paramref name="isInexact"/> is -1 where there was one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Truncate(Vector256<float> values, out Vector256<int> isInexact)
    {
        Vector256<float> clamped = Vector256.MinNative(Vector256.Abs(values), Vector256.Create(Greatest));
        Vector256<int> bits = clamped.AsInt32();
        Vector256<float> smallest = clamped * Vector256.Create(16777216f); // in units of 2^-24, the least 16-bit float
        Vector256<int> units = Vector256.ConvertToInt32Native(smallest);
        Vector256<int> isSmall = Vector256.LessThan(clamped, Vector256.Create(6.103515625e-5f)).AsInt32();
        Vector256<int> isExactSmall = Vector256.Equals(Vector256.ConvertToSingle(units), smallest).AsInt32();
        Vector256<int> isExact = Vector256.Equals(bits & Vector256.Create(0x1FFF), Vector256<int>.Zero);
        isInexact = ~Vector256.ConditionalSelect(isSmall, isExactSmall, isExact);
        return Vector256.ConditionalSelect(isSmall, units, (bits >>> 13) - Vector256.Create(112 << 10));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Narrow(Vector256<int> bits) => Vector128.Narrow(bits.GetLower().AsUInt32(), bits.GetUpper().AsUInt32());
}
