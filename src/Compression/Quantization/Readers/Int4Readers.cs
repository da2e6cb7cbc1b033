using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Nibbles, one at a time.</summary>
internal readonly unsafe struct Int4ScalarReader : IPackedReader<float>
{
    public static int BitCount => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out float first, out float second)
    {
        first = NibbleOrder.Read(row, element);
        second = NibbleOrder.Read(row, element + 1);
    }
}

/// <summary>Nibbles: a group of 16 gives the low halves of its 8 bytes, then the high ones.</summary>
internal readonly unsafe struct Int4Vector256Reader : IPackedReader<Vector256<float>>
{
    public static int BitCount => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out Vector256<float> first, out Vector256<float> second)
    {
        Vector256<int> pairs = Widening.Bytes8(row + (element / 2));
        first = Vector256.ConvertToSingle(pairs & Vector256.Create(0xF));
        second = Vector256.ConvertToSingle(pairs >>> 4);
    }
}

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
        Vector256<int> pairs = Widening.Bytes8(codes);
        return Vector512.ConvertToSingle(Vector512.Create(pairs & Vector256.Create(0xF), pairs >>> 4));
    }
}
