using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization.Readers;

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
