using System.Runtime.CompilerServices;

namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Codes bit after bit, one at a time.</summary>
internal readonly unsafe struct DenseScalarReader<TWidth> : IPackedReader<float>
    where TWidth : struct, IBitWidth
{
    public static int BitCount => TWidth.BitCount;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out float first, out float second)
    {
        first = PackedCodes.ReadDense(row, element, TWidth.BitCount);
        second = PackedCodes.ReadDense(row, element + 1, TWidth.BitCount);
    }
}
