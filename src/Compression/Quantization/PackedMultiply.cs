using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization.Readers;

namespace KvCluster.Compression.Quantization;

/// <summary>Y[n×m] = X[n×k]·P[k×m], or Y += …, where P's rows are packed and unscaled: 16-bit floats, or codes of 8 or 4 bits.</summary>
/// <remarks>
/// Scores are this product over K (rows are channels), values over V (rows are tokens). Every element is one chain of fused multiply-adds
/// over k in ascending order, for every n and instruction set.
/// </remarks>
internal abstract unsafe class PackedMultiply
{
    /// <param name="path">Instructions to run on; must be available.</param>
    /// <param name="bitCount">16, 8 or 4.</param>
    public static PackedMultiply Create(SimdPath path, int bitCount) => (path, bitCount) switch
    {
        (SimdPath.Vector512, 16) => Wide<Half512Reader>(bitCount),
        (SimdPath.Vector512, 8) => Wide<Int8Vector512Reader>(bitCount),
        (SimdPath.Vector512, 4) => Wide<Int4Vector512Reader>(bitCount),
        (SimdPath.Vector256, 16) => new PackedMultiply<Half256Reader, Vector256Lanes, Vector256<float>>(path, null),
        (SimdPath.Vector256, 8) => new PackedMultiply<Int8Vector256Reader, Vector256Lanes, Vector256<float>>(path, null),
        (SimdPath.Vector256, 4) => new PackedMultiply<Int4Vector256Reader, Vector256Lanes, Vector256<float>>(path, null),
        (SimdPath.Scalar, 16) => new PackedMultiply<HalfScalarReader, ScalarLanes, float>(path, null),
        (SimdPath.Scalar, 8) => new PackedMultiply<Int8ScalarReader, ScalarLanes, float>(path, null),
        (SimdPath.Scalar, 4) => new PackedMultiply<Int4ScalarReader, ScalarLanes, float>(path, null),
        _ => throw new ArgumentOutOfRangeException(nameof(bitCount), bitCount, "Packed rows hold 16, 8 or 4 bits an element."),
    };

    /// <param name="x">n rows of <paramref name="depth"/> floats.</param>
    /// <param name="xStride">Floats from row to row.</param>
    /// <param name="rowCount">n.</param>
    /// <param name="depth">k.</param>
    /// <param name="packed">k rows of m elements, one after another.</param>
    /// <param name="columnCount">m, a multiple of 16.</param>
    /// <param name="y">n rows of m floats.</param>
    /// <param name="yStride">Floats from row to row.</param>
    /// <param name="accumulate">Chains begin with what Y holds, else with 0.</param>
    public abstract void Multiply(
        float* x, int xStride, int rowCount, int depth, byte* packed, int columnCount, float* y, int yStride, bool accumulate);

    private static PackedMultiply<TReader, Vector512Lanes, Vector512<float>> Wide<TReader>(int bitCount)
        where TReader : struct, IPackedReader<Vector512<float>> =>
        new(SimdPath.Vector512, Create(SimdPath.Vector256, bitCount));
}
