using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Codes of 1 to 3 bits, bit after bit, 16 to a vector; see <see cref="NarrowVector256Reader{TWidth}"/>.</summary>
internal readonly unsafe struct NarrowVector512Reader<TWidth> : IPackedReader<Vector512<float>>
    where TWidth : struct, IBitWidth
{
    public static int BitCount => TWidth.BitCount;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out Vector512<float> first, out Vector512<float> second)
    {
        byte* codes = row + (element * TWidth.BitCount / 8);
        if (!Avx512F.IsSupported || TWidth.BitCount == 3)
        {
            first = ReadGroup(codes);
            second = ReadGroup(codes + (2 * TWidth.BitCount));
        }
        else if (TWidth.BitCount == 1)
        {
            var word = Vector512.Create(Unsafe.ReadUnaligned<uint>(codes));
            first = Codes(Avx512F.ShiftRightLogicalVariable(word, Vector512.Create(0u, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
            second = Codes(Avx512F.ShiftRightLogicalVariable(
                word, Vector512.Create(16u, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31)));
        }
        else
        {
            var shifts = Vector512.Create(0u, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            first = Codes(Avx512F.ShiftRightLogicalVariable(Vector512.Create(Unsafe.ReadUnaligned<uint>(codes)), shifts));
            second = Codes(Avx512F.ShiftRightLogicalVariable(Vector512.Create(Unsafe.ReadUnaligned<uint>(codes + 4)), shifts));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ReadGroup(byte* codes)
    {
        NarrowVector256Reader<TWidth>.ReadPair(codes, 0, out Vector256<float> lower, out Vector256<float> upper);
        return Vector512.Create(lower, upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Codes(Vector512<uint> bits) =>
        Vector512.ConvertToSingle(bits.AsInt32() & Vector512.Create((1 << TWidth.BitCount) - 1));
}
