using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization.Readers;

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
