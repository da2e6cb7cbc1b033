using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// A channel's scale in one byte: 5 bits of exponent, 3 of mantissa, 2^-16 to 1.875·2^15. The byte is the middle of a 32-bit float, so
/// decoding is an add and a shift. Every byte is a positive, finite scale, and so are the numbers down to -32.
/// </summary>
internal static class ChannelScale
{
    private const int MantissaShift = 20;
    private const int ExponentOffset = (127 - 16) << 3;

    /// <summary>The scales nearest to 8 numbers ≥ 0, ties to even; limits beyond them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Encode8(Vector256<float> scales)
    {
        Vector256<int> bits = scales.AsInt32();
        Vector256<int> tie = (bits >> MantissaShift) & Vector256<int>.One;
        Vector256<int> rounded = (bits + Vector256.Create((1 << (MantissaShift - 1)) - 1) + tie) >> MantissaShift;
        return Vector256.Clamp(rounded - Vector256.Create(ExponentOffset), default, Vector256.Create((int)byte.MaxValue));
    }

    /// <summary>8 scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Decode8(Vector256<int> codes) => ((codes + Vector256.Create(ExponentOffset)) << MantissaShift).AsSingle();
}
