using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization.Readers;

namespace KvCluster.Compression.Quantization;

/// <summary>Y[n×m] = X[n×k]·P[k×m], or Y += …, where P's rows are packed and unscaled: 16-bit floats, or codes of 1 to 8 bits.</summary>
/// <remarks>
/// Scores are this product over K (rows are channels), values over V (rows are tokens). Every element is one chain of fused multiply-adds
/// over k in ascending order, for every n and instruction set.
/// </remarks>
internal abstract unsafe class PackedMultiply
{
    /// <param name="path">Instructions to run on; must be available.</param>
    /// <param name="bitCount">16: floats; 1 to 8: codes.</param>
    public static PackedMultiply Create(SimdPath path, int bitCount) => (path, bitCount) switch
    {
        (SimdPath.Vector512, 16) => Of512<Half512Reader>(bitCount),
        (SimdPath.Vector512, 8) => Of512<Int8Vector512Reader>(bitCount),
        (SimdPath.Vector512, 4) => Of512<Int4Vector512Reader>(bitCount),
        (SimdPath.Vector512, 3) => Of512<NarrowVector512Reader<BitWidths.Three>>(bitCount),
        (SimdPath.Vector512, 2) => Of512<NarrowVector512Reader<BitWidths.Two>>(bitCount),
        (SimdPath.Vector512, 1) => Of512<NarrowVector512Reader<BitWidths.One>>(bitCount),
        (SimdPath.Scalar, _) => OfScalar(bitCount),
        _ => Of256(bitCount),
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

    /// <summary>y = x·P of one row for at least the first columns; results past them are undefined, but within P's columns.</summary>
    /// <param name="x"><paramref name="depth"/> floats.</param>
    /// <param name="depth">k.</param>
    /// <param name="packed">k rows of m elements, one after another.</param>
    /// <param name="columnCount">m, a multiple of 64.</param>
    /// <param name="wantedColumnCount">Columns that are wanted, up to m.</param>
    /// <param name="y">m floats.</param>
    public abstract void MultiplyFirst(float* x, int depth, byte* packed, int columnCount, int wantedColumnCount, float* y);

    /// <summary>Elements as floats.</summary>
    /// <param name="packed">Rows of <paramref name="columnCount"/> elements, one after another.</param>
    /// <param name="rowCount">Rows.</param>
    /// <param name="columnCount">A multiple of 16.</param>
    /// <param name="destination">Where they go.</param>
    /// <param name="stride">Floats from row to row there.</param>
    public void Expand(byte* packed, int rowCount, int columnCount, float* destination, int stride) =>
        ExpandColumns(packed, rowCount, columnCount, 0, columnCount, destination, stride);

    /// <summary>As <see cref="Expand"/>, of some columns.</summary>
    /// <param name="packed">Rows of <paramref name="columnCount"/> elements, one after another.</param>
    /// <param name="rowCount">Rows.</param>
    /// <param name="columnCount">A multiple of 16.</param>
    /// <param name="firstColumn">A multiple of 16.</param>
    /// <param name="wantedColumnCount">A multiple of 16.</param>
    /// <param name="destination">Where they go.</param>
    /// <param name="stride">Floats from row to row there.</param>
    public abstract void ExpandColumns(
        byte* packed, int rowCount, int columnCount, int firstColumn, int wantedColumnCount, float* destination, int stride);

    /// <summary>256 bits; also what widths without a 512-bit reader run on.</summary>
    private static PackedMultiply Of256(int bitCount) => bitCount switch
    {
        16 => Of256<Half256Reader>(),
        8 => Of256<Int8Vector256Reader>(),
        7 => Of256<WideVector256Reader<BitWidths.Seven>>(),
        6 => Of256<WideVector256Reader<BitWidths.Six>>(),
        5 => Of256<WideVector256Reader<BitWidths.Five>>(),
        4 => Of256<Int4Vector256Reader>(),
        3 => Of256<NarrowVector256Reader<BitWidths.Three>>(),
        2 => Of256<NarrowVector256Reader<BitWidths.Two>>(),
        1 => Of256<NarrowVector256Reader<BitWidths.One>>(),
        _ => throw Unknown(bitCount),
    };

    private static PackedMultiply OfScalar(int bitCount) => bitCount switch
    {
        16 => OfScalar<HalfScalarReader>(),
        8 => OfScalar<Int8ScalarReader>(),
        7 => OfScalar<DenseScalarReader<BitWidths.Seven>>(),
        6 => OfScalar<DenseScalarReader<BitWidths.Six>>(),
        5 => OfScalar<DenseScalarReader<BitWidths.Five>>(),
        4 => OfScalar<Int4ScalarReader>(),
        3 => OfScalar<DenseScalarReader<BitWidths.Three>>(),
        2 => OfScalar<DenseScalarReader<BitWidths.Two>>(),
        1 => OfScalar<DenseScalarReader<BitWidths.One>>(),
        _ => throw Unknown(bitCount),
    };

    private static PackedMultiply<TReader, Vector512Lanes, Vector512<float>> Of512<TReader>(int bitCount)
        where TReader : struct, IPackedReader<Vector512<float>> =>
        new(SimdPath.Vector512, Of256(bitCount));

    private static PackedMultiply<TReader, Vector256Lanes, Vector256<float>> Of256<TReader>()
        where TReader : struct, IPackedReader<Vector256<float>> =>
        new(SimdPath.Vector256, null);

    private static PackedMultiply<TReader, ScalarLanes, float> OfScalar<TReader>()
        where TReader : struct, IPackedReader<float> =>
        new(SimdPath.Scalar, null);

    private static ArgumentOutOfRangeException Unknown(int bitCount) =>
        new(nameof(bitCount), bitCount, "Packed rows hold 16-bit floats, or codes of 1 to 8 bits.");
}
