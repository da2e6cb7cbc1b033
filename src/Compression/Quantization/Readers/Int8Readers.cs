using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Bytes, one at a time.</summary>
internal readonly unsafe struct Int8ScalarReader : IPackedReader<float>
{
    public static int BitCount => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out float first, out float second)
    {
        first = row[element];
        second = row[element + 1];
    }
}

/// <summary>Bytes, 8 to a vector.</summary>
internal readonly unsafe struct Int8Vector256Reader : IPackedReader<Vector256<float>>
{
    public static int BitCount => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out Vector256<float> first, out Vector256<float> second)
    {
        byte* codes = row + element;
        first = Vector256.ConvertToSingle(Widening.Bytes8(codes));
        second = Vector256.ConvertToSingle(Widening.Bytes8(codes + Vector256<float>.Count));
    }
}

/// <summary>Bytes, 16 to a vector.</summary>
internal readonly unsafe struct Int8Vector512Reader : IPackedReader<Vector512<float>>
{
    public static int BitCount => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out Vector512<float> first, out Vector512<float> second)
    {
        byte* codes = row + element;
        first = Vector512.ConvertToSingle(Widening.Bytes16(codes));
        second = Vector512.ConvertToSingle(Widening.Bytes16(codes + Vector512<float>.Count));
    }
}
