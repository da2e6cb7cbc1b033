using System.Runtime.CompilerServices;

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
