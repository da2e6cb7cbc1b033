using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Nibbles, 16 to a vector: a group of 16 fills one, low halves of its 8 bytes below.</summary>
internal readonly unsafe struct Int4Vector512Reader : IPackedReader<Vector512<float>>
{
    public static int BitCount => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out Vector512<float> first, out Vector512<float> second)
    {
        byte* codes = row + (element / 2);
        first = ReadGroup(codes);
        second = ReadGroup(codes + NibbleOrder.GroupSizeBytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ReadGroup(byte* codes)
    {
        Vector256<uint> pairs = Avx2.ConvertToVector256Int32(codes).AsUInt32();
        var shifts = Vector512.Create(Vector256<uint>.Zero, Vector256.Create(4u));
        Vector512<uint> nibbles = Avx512F.ShiftRightLogicalVariable(Vector512.Create(pairs, pairs), shifts) & Vector512.Create(0xFu);
        return Vector512.ConvertToSingle(nibbles.AsInt32());
    }
}
