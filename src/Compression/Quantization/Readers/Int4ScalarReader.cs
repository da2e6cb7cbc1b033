using System.Runtime.CompilerServices;

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
