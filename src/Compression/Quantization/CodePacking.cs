using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreDense(Vector256<int> first, Vector256<int> second, int bitCount, byte* codes)
    {
        ulong lower = Combine(first, bitCount);
        ulong upper = Combine(second, bitCount);
        ulong bits = lower | (upper << (8 * bitCount));
        switch (bitCount)
        {
            case 1:
                Unsafe.WriteUnaligned(codes, (ushort)bits);
                break;
            case 2:
                Unsafe.WriteUnaligned(codes, (uint)bits);
                break;
            case 3:
                Unsafe.WriteUnaligned(codes, (uint)bits);
                Unsafe.WriteUnaligned(codes + sizeof(uint), (ushort)(bits >> 32));
                break;
            default:
                // 10 to 14 bytes: the last 8 overlap the first.
                int skipped = (16 * bitCount) - 64;
                Unsafe.WriteUnaligned(codes, bits);
                Unsafe.WriteUnaligned(codes + (skipped / 8), (lower >> skipped) | (upper << ((8 * bitCount) - skipped)));
                break;
        }
    }

    /// <summary>Neighbours are joined, then pairs shifted to their places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Combine(Vector256<int> codes, int bitCount)
    {
        Vector256<ulong> lanes = codes.AsUInt64();
        Vector256<ulong> pairs = (lanes & Vector256.Create((ulong)uint.MaxValue)) | (lanes >>> (32 - bitCount));
        if (Avx2.IsSupported)
        {
            var shifts = Vector256.Create(0UL, 2 * (ulong)bitCount, 4 * (ulong)bitCount, 6 * (ulong)bitCount);
            Vector256<ulong> placed = Avx2.ShiftLeftLogicalVariable(pairs, shifts);
            Vector128<ulong> halves = placed.GetLower() | placed.GetUpper();
            return halves[0] | halves[1];
        }

        return pairs[0] | (pairs[1] << (2 * bitCount)) | (pairs[2] << (4 * bitCount)) | (pairs[3] << (6 * bitCount));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector64<byte> Narrow(Vector256<int> values)
    {
        Vector128<ushort> words = Vector128.Narrow(values.GetLower().AsUInt32(), values.GetUpper().AsUInt32());
        return Vector128.Narrow(words, words).GetLower();
    }
}
