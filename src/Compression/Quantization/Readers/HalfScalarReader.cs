using System.Runtime.CompilerServices;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization.Readers;

/// <summary>16-bit floats, one at a time.</summary>
internal readonly unsafe struct HalfScalarReader : IPackedReader<float>
{
    public static int BitCount => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out float first, out float second)
    {
        var halves = (Half*)row;
        first = HalfConversion.ToSingle(halves[element]);
        second = HalfConversion.ToSingle(halves[element + 1]);
    }
}
