using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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

/// <summary>16-bit floats, 8 to a vector.</summary>
internal readonly unsafe struct Half256Reader : IPackedReader<Vector256<float>>
{
    public static int BitCount => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out Vector256<float> first, out Vector256<float> second)
    {
        Half* halves = (Half*)row + element;
        first = HalfConversion.Load8(halves);
        second = HalfConversion.Load8(halves + Vector256<float>.Count);
    }
}

/// <summary>16-bit floats, 16 to a vector.</summary>
internal readonly unsafe struct Half512Reader : IPackedReader<Vector512<float>>
{
    public static int BitCount => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, int element, out Vector512<float> first, out Vector512<float> second)
    {
        Half* halves = (Half*)row + element;
        first = HalfConversion.Load16(halves);
        second = HalfConversion.Load16(halves + Vector512<float>.Count);
    }
}
