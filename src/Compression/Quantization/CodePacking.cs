using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Quantization;

/// <summary>From values to packed codes, 16 at a time.</summary>
internal static unsafe class CodePacking
{
    /// <summary>Adding 1.5·2^23 leaves the nearest integer, ties to even, in a float's low bits.</summary>
    private const float RoundingOffset = 12582912f;
    private const int CodeMask = 0xFF;

    /// <summary>8 codes: the integer nearest to (x·inverse - zero)·inverseStep, clamped to 0 … maxCode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Quantise(
        Vector256<float> x, Vector256<float> inverse, Vector256<float> zero, Vector256<float> inverseStep, int maxCode)
    {
        Vector256<float> steps = ((x * inverse) - zero) * inverseStep;
        Vector256<float> clamped = Vector256.MinNative(Vector256.MaxNative(steps, Vector256<float>.Zero), Vector256.Create((float)maxCode));
        return (clamped + Vector256.Create(RoundingOffset)).AsInt32() & Vector256.Create(CodeMask);
    }

    /// <summary>Packs a group of 16 codes.</summary>
    /// <returns>Where the next group goes.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Store(Vector256<int> first, Vector256<int> second, int bitCount, byte* codes)
    {
        if (bitCount == 4)
        {
            Narrow(first | (second << 4)).Store(codes);
        }
        else if (bitCount == 8)
        {
            Narrow(first).Store(codes);
            Narrow(second).Store(codes + 8);
        }
        else
        {
            StoreDense(first, second, bitCount, codes);
        }

        return codes + (2 * bitCount);
    }

    /// <summary>8 codes after 8, bit after bit: at most 56 bits each.</summary>
    private static void StoreDense(Vector256<int> first, Vector256<int> second, int bitCount, byte* codes)
    {
        UInt128 bits = Combine(first, bitCount) | ((UInt128)Combine(second, bitCount) << (8 * bitCount));
        for (int i = 0; i < 2 * bitCount; i++)
        {
            codes[i] = (byte)(bits >> (8 * i));
        }
    }

    /// <summary>Neighbours are joined, then pairs, then fours.</summary>
    private static ulong Combine(Vector256<int> codes, int bitCount)
    {
        Vector256<ulong> lanes = codes.AsUInt64();
        Vector256<ulong> pairs = (lanes & Vector256.Create((ulong)uint.MaxValue)) | (lanes >>> (32 - bitCount));
        ulong lower = pairs[0] | (pairs[1] << (2 * bitCount));
        ulong upper = pairs[2] | (pairs[3] << (2 * bitCount));
        return lower | (upper << (4 * bitCount));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector64<byte> Narrow(Vector256<int> values)
    {
        Vector128<ushort> words = Vector128.Narrow(values.GetLower().AsUInt32(), values.GetUpper().AsUInt32());
        return Vector128.Narrow(words, words).GetLower();
    }
}
