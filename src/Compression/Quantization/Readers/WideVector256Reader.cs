using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Codes of 5 to 7 bits, bit after bit: each lane gets the two bytes that hold its code, and shifts it out of them.</summary>
internal readonly unsafe struct WideVector256Reader<TWidth> : IPackedReader<Vector256<float>>
    where TWidth : struct, IBitWidth
{
    public static int BitCount => TWidth.BitCount;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out Vector256<float> first, out Vector256<float> second)
    {
        byte* codes = row + (element * TWidth.BitCount / 8);
        if (!Avx2.IsSupported)
        {
            first = PackedCodes.ReadDense8(codes, 0, TWidth.BitCount);
            second = PackedCodes.ReadDense8(codes, 8, TWidth.BitCount);
            return;
        }

        // The second 8 codes end with the group: reading begins some bytes before them.
        first = Codes(Unsafe.ReadUnaligned<ulong>(codes), 0);
        second = Codes(Unsafe.ReadUnaligned<ulong>(codes + (2 * TWidth.BitCount) - 8), 8 - TWidth.BitCount);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Codes(ulong word, int skipped)
    {
        int b = TWidth.BitCount;
        Vector256<byte> pairs = Vector256.Create(
            Pair(0, skipped), Pair(b, skipped), Pair(2 * b, skipped), Pair(3 * b, skipped),
            Pair(4 * b, skipped), Pair(5 * b, skipped), Pair(6 * b, skipped), Pair(7 * b, skipped)).AsByte();
        Vector256<uint> bytes = Avx2.Shuffle(Vector256.Create(word).AsByte(), pairs).AsUInt32();
        Vector256<uint> shifts = Vector256.Create(
            0u, (uint)b % 8, (uint)(2 * b) % 8, (uint)(3 * b) % 8, (uint)(4 * b) % 8, (uint)(5 * b) % 8, (uint)(6 * b) % 8, (uint)(7 * b) % 8);
        Vector256<uint> bits = Avx2.ShiftRightLogicalVariable(bytes, shifts);
        return Vector256.ConvertToSingle((bits & Vector256.Create((1u << b) - 1)).AsInt32());
    }

    /// <summary>Shuffle control of a lane: the byte where a code begins, the next one if there is one, and twice zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Pair(int bit, int skipped)
    {
        uint start = (uint)((bit / 8) + skipped);
        return start | ((start == 7 ? 0x80 : start + 1) << 8) | 0x8080_0000;
    }
}
