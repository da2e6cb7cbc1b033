using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization.Readers;

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
