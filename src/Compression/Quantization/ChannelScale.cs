using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// A channel's scale in one byte: 5 bits of exponent, 3 of mantissa, 2^-16 to 1.875·2^15. The byte is the middle of a 32-bit float, so
/// decoding is an add and a shift. Every byte is a positive, finite scale.
/// </summary>
internal static unsafe class ChannelScale
{
    private const int MantissaShift = 20;
    private const int ExponentOffset = (127 - 16) << 3;

    /// <summary>The scale nearest to <paramref name="scale"/>, ties to even; limits beyond them.</summary>
    public static byte Encode(float scale)
    {
        uint bits = BitConverter.SingleToUInt32Bits(scale);
        uint rounded = (bits + (1u << (MantissaShift - 1)) - 1 + ((bits >> MantissaShift) & 1)) >> MantissaShift;
        return (byte)Math.Clamp((int)rounded - ExponentOffset, byte.MinValue, byte.MaxValue);
    }

    public static float Decode(byte code) => BitConverter.Int32BitsToSingle((code + ExponentOffset) << MantissaShift);

    /// <summary>8 scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(byte* codes)
    {
        Vector256<int> bits = Widening.Bytes8(codes);
        return ((bits + Vector256.Create(ExponentOffset)) << MantissaShift).AsSingle();
    }
}
