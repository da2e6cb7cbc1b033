using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Codes of 1 to 3 bits, bit after bit: all lanes get the word that holds 8 of them, and each shifts out its own.</summary>
internal readonly unsafe struct NarrowVector256Reader<TWidth> : IPackedReader<Vector256<float>>
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
        }
        else if (TWidth.BitCount == 1)
        {
            var word = Vector256.Create((uint)Unsafe.ReadUnaligned<ushort>(codes));
            first = Codes(Avx2.ShiftRightLogicalVariable(word, Vector256.Create(0u, 1, 2, 3, 4, 5, 6, 7)));
            second = Codes(Avx2.ShiftRightLogicalVariable(word, Vector256.Create(8u, 9, 10, 11, 12, 13, 14, 15)));
        }
        else if (TWidth.BitCount == 2)
        {
            var word = Vector256.Create(Unsafe.ReadUnaligned<uint>(codes));
            first = Codes(Avx2.ShiftRightLogicalVariable(word, Vector256.Create(0u, 2, 4, 6, 8, 10, 12, 14)));
            second = Codes(Avx2.ShiftRightLogicalVariable(word, Vector256.Create(16u, 18, 20, 22, 24, 26, 28, 30)));
        }
        else
        {
            // The second 24 bits end with the group: reading begins a byte before them.
            var word = Vector256.Create(Unsafe.ReadUnaligned<uint>(codes));
            first = Codes(Avx2.ShiftRightLogicalVariable(word, Vector256.Create(0u, 3, 6, 9, 12, 15, 18, 21)));
            word = Vector256.Create(Unsafe.ReadUnaligned<uint>(codes + 2));
            second = Codes(Avx2.ShiftRightLogicalVariable(word, Vector256.Create(8u, 11, 14, 17, 20, 23, 26, 29)));
        }
    }

    /// <summary>The numbers that the low bits of each lane stand for: up to two bits index a table of four in a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Codes(Vector256<uint> bits) => TWidth.BitCount switch
    {
        1 => Avx.PermuteVar(Vector256.Create(0f, 1, 0, 1, 0, 1, 0, 1), bits.AsInt32()),
        2 => Avx.PermuteVar(Vector256.Create(0f, 1, 2, 3, 0, 1, 2, 3), bits.AsInt32()),
        _ => Vector256.ConvertToSingle(bits.AsInt32() & Vector256.Create(7)),
    };
}
