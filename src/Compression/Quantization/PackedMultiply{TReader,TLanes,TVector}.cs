using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization.Readers;

namespace KvCluster.Compression.Quantization;

/// <summary>One packing on one instruction set.</summary>
/// <param name="path">The instruction set of <typeparamref name="TLanes"/>.</param>
/// <param name="narrower">Takes rows that are not whole pairs of vectors.</param>
internal sealed unsafe class PackedMultiply<TReader, TLanes, TVector>(SimdPath path, PackedMultiply? narrower) : PackedMultiply
    where TReader : struct, IPackedReader<TVector>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
{
    private const int TileSize = 64;
    private const int PrefetchBytes = 2048;

    /// <summary>Up to so many rows, unpacking in registers for each beats unpacking once into memory; measured on Zen 3.</summary>
    private static int FusedMaxRowCount => TReader.BitCount == 16 ? 2 : 3;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(
        float* x, int xStride, int rowCount, int depth, byte* packed, int columnCount, float* y, int yStride, bool accumulate)
    {
        if (columnCount % (2 * TLanes.Count) != 0)
        {
            narrower!.Multiply(x, xStride, rowCount, depth, packed, columnCount, y, yStride, accumulate);
        }
        else if (rowCount <= FusedMaxRowCount)
        {
            nint row = 0;
            for (; row <= rowCount - 2; row += 2)
            {
                MultiplyTwoRows(x + (row * xStride), xStride, depth, packed, columnCount, y + (row * yStride), yStride, accumulate);
            }

            if (row < rowCount)
            {
                MultiplyRow(x + (row * xStride), depth, packed, columnCount, columnCount, y + (row * yStride), accumulate);
            }
        }
        else
        {
            MultiplyTiles(new TileOperands(x, xStride, null, 0, y, yStride, depth, accumulate), rowCount, packed, columnCount);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void MultiplyFirst(float* x, int depth, byte* packed, int columnCount, int wantedColumnCount, float* y)
    {
        int group = Math.Max(16, 2 * TLanes.Count);
        MultiplyRow(x, depth, packed, columnCount, (wantedColumnCount + group - 1) / group * group, y, accumulate: false);
    }

    public override void ExpandColumns(byte* packed, int rowCount, int columnCount, int firstColumn, int wantedColumnCount, float* destination, int stride)
    {
        if (columnCount % (2 * TLanes.Count) != 0 || firstColumn % (2 * TLanes.Count) != 0 || wantedColumnCount % (2 * TLanes.Count) != 0)
        {
            narrower!.ExpandColumns(packed, rowCount, columnCount, firstColumn, wantedColumnCount, destination, stride);
        }
        else
        {
            Expand(packed, columnCount * TReader.BitCount / 8, rowCount, firstColumn, wantedColumnCount, destination, stride);
        }
    }

    /// <summary>Unpacks tiles of up to 64 × 64, which stay in the first-level cache, and multiplies all rows with each.</summary>
    private void MultiplyTiles(in TileOperands whole, int rowCount, byte* packed, int columnCount)
    {
        nint rowSizeBytes = columnCount * TReader.BitCount / 8;
        float* tile = TileScratch.Tile.Rent(TileSize * TileSize);
        for (int column = 0; column < columnCount; column += TileSize)
        {
            int width = Math.Min(TileSize, columnCount - column);
            for (int row = 0; row < whole.Depth; row += TileSize)
            {
                int depth = Math.Min(TileSize, whole.Depth - row);
                Expand(packed + (row * rowSizeBytes), rowSizeBytes, depth, column, width, tile, width);
                var operands = new TileOperands(
                    whole.A + row, whole.AStride, tile, width, whole.C + column, whole.CStride, depth, whole.Accumulate || row > 0);
                TileMultiply.Multiply(path, operands, rowCount, width);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Expand(byte* packed, nint rowSizeBytes, int rowCount, int start, int width, float* tile, nint stride)
    {
        start = Advance(ref packed, start);
        int wide = TLanes.Count == 1 ? 0 : width - (width % (8 * TLanes.Count));
        for (int row = 0; row < rowCount; row++)
        {
            byte* codes = packed;
            int column = 0;
            for (; column < wide; column += 8 * TLanes.Count)
            {
                ExpandPair(codes, start, tile + column);
                ExpandPair(codes, start + (2 * TLanes.Count), tile + column + (2 * TLanes.Count));
                ExpandPair(codes, start + (4 * TLanes.Count), tile + column + (4 * TLanes.Count));
                ExpandPair(codes, start + (6 * TLanes.Count), tile + column + (6 * TLanes.Count));
                codes += TLanes.Count * TReader.BitCount;
            }

            for (; column < width; column += 2 * TLanes.Count)
            {
                ExpandPair(packed, start + column, tile + column);
            }

            packed += rowSizeBytes;
            tile += stride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ExpandPair(byte* packed, int start, float* destination)
    {
        TReader.ReadPair(packed, start, out TVector first, out TVector second);
        TLanes.Store(first, destination);
        TLanes.Store(second, destination + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyRow(float* x, int depth, byte* packed, int packedColumnCount, int columnCount, float* y, bool accumulate)
    {
        nint rowSizeBytes = packedColumnCount * TReader.BitCount / 8;
        int column = 0;
        for (; column <= columnCount - (8 * TLanes.Count); column += 8 * TLanes.Count)
        {
            EightVectors(x, depth, packed, rowSizeBytes, column, y + column, accumulate);
        }

        for (; column <= columnCount - (4 * TLanes.Count); column += 4 * TLanes.Count)
        {
            FourVectors(x, depth, packed, rowSizeBytes, column, y + column, accumulate);
        }

        for (; column < columnCount; column += 2 * TLanes.Count)
        {
            TwoVectors(x, depth, packed, rowSizeBytes, column, y + column, accumulate);
        }
    }

    /// <summary>As <see cref="MultiplyRow"/>, for two rows with what is unpacked once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyTwoRows(float* x, nint xStride, int depth, byte* packed, int columnCount, float* y, nint yStride, bool accumulate)
    {
        nint rowSizeBytes = columnCount * TReader.BitCount / 8;
        int column = 0;
        for (; column <= columnCount - (4 * TLanes.Count); column += 4 * TLanes.Count)
        {
            TwoByFourVectors(x, x + xStride, depth, packed, rowSizeBytes, column, y + column, y + yStride + column, accumulate);
        }

        for (; column < columnCount; column += 2 * TLanes.Count)
        {
            TwoVectors(x, depth, packed, rowSizeBytes, column, y + column, accumulate);
            TwoVectors(x + xStride, depth, packed, rowSizeBytes, column, y + yStride + column, accumulate);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwoByFourVectors(
        float* x0, float* x1, int depth, byte* packed, nint rowSizeBytes, int column, float* y0, float* y1, bool accumulate)
    {
        int start = Advance(ref packed, column);
        int width = TLanes.Count;
        TVector sum00 = Begin(y0, accumulate);
        TVector sum01 = Begin(y0 + width, accumulate);
        TVector sum02 = Begin(y0 + (2 * width), accumulate);
        TVector sum03 = Begin(y0 + (3 * width), accumulate);
        TVector sum10 = Begin(y1, accumulate);
        TVector sum11 = Begin(y1 + width, accumulate);
        TVector sum12 = Begin(y1 + (2 * width), accumulate);
        TVector sum13 = Begin(y1 + (3 * width), accumulate);
        for (nint row = 0; row < depth; row++)
        {
            TVector factor0 = TLanes.Broadcast(x0[row]);
            TVector factor1 = TLanes.Broadcast(x1[row]);
            TReader.ReadPair(packed, start, out TVector first, out TVector second);
            sum00 = TLanes.MultiplyAdd(factor0, first, sum00);
            sum10 = TLanes.MultiplyAdd(factor1, first, sum10);
            sum01 = TLanes.MultiplyAdd(factor0, second, sum01);
            sum11 = TLanes.MultiplyAdd(factor1, second, sum11);
            TReader.ReadPair(packed, start + (2 * width), out first, out second);
            sum02 = TLanes.MultiplyAdd(factor0, first, sum02);
            sum12 = TLanes.MultiplyAdd(factor1, first, sum12);
            sum03 = TLanes.MultiplyAdd(factor0, second, sum03);
            sum13 = TLanes.MultiplyAdd(factor1, second, sum13);
            Prefetch(packed + PrefetchBytes);
            packed += rowSizeBytes;
        }

        TLanes.Store(sum00, y0);
        TLanes.Store(sum01, y0 + width);
        TLanes.Store(sum02, y0 + (2 * width));
        TLanes.Store(sum03, y0 + (3 * width));
        TLanes.Store(sum10, y1);
        TLanes.Store(sum11, y1 + width);
        TLanes.Store(sum12, y1 + (2 * width));
        TLanes.Store(sum13, y1 + (3 * width));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EightVectors(float* x, int depth, byte* packed, nint rowSizeBytes, int column, float* y, bool accumulate)
    {
        int start = Advance(ref packed, column);
        int width = TLanes.Count;
        TVector sum0 = Begin(y, accumulate);
        TVector sum1 = Begin(y + width, accumulate);
        TVector sum2 = Begin(y + (2 * width), accumulate);
        TVector sum3 = Begin(y + (3 * width), accumulate);
        TVector sum4 = Begin(y + (4 * width), accumulate);
        TVector sum5 = Begin(y + (5 * width), accumulate);
        TVector sum6 = Begin(y + (6 * width), accumulate);
        TVector sum7 = Begin(y + (7 * width), accumulate);
        for (int row = 0; row < depth; row++)
        {
            TVector factor = TLanes.Broadcast(x[row]);
            TReader.ReadPair(packed, start, out TVector first, out TVector second);
            sum0 = TLanes.MultiplyAdd(factor, first, sum0);
            sum1 = TLanes.MultiplyAdd(factor, second, sum1);
            TReader.ReadPair(packed, start + (2 * width), out first, out second);
            sum2 = TLanes.MultiplyAdd(factor, first, sum2);
            sum3 = TLanes.MultiplyAdd(factor, second, sum3);
            TReader.ReadPair(packed, start + (4 * width), out first, out second);
            sum4 = TLanes.MultiplyAdd(factor, first, sum4);
            sum5 = TLanes.MultiplyAdd(factor, second, sum5);
            TReader.ReadPair(packed, start + (6 * width), out first, out second);
            sum6 = TLanes.MultiplyAdd(factor, first, sum6);
            sum7 = TLanes.MultiplyAdd(factor, second, sum7);
            Prefetch(packed + PrefetchBytes);
            packed += rowSizeBytes;
        }

        TLanes.Store(sum0, y);
        TLanes.Store(sum1, y + width);
        TLanes.Store(sum2, y + (2 * width));
        TLanes.Store(sum3, y + (3 * width));
        TLanes.Store(sum4, y + (4 * width));
        TLanes.Store(sum5, y + (5 * width));
        TLanes.Store(sum6, y + (6 * width));
        TLanes.Store(sum7, y + (7 * width));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourVectors(float* x, int depth, byte* packed, nint rowSizeBytes, int column, float* y, bool accumulate)
    {
        int start = Advance(ref packed, column);
        int width = TLanes.Count;
        TVector sum0 = Begin(y, accumulate);
        TVector sum1 = Begin(y + width, accumulate);
        TVector sum2 = Begin(y + (2 * width), accumulate);
        TVector sum3 = Begin(y + (3 * width), accumulate);
        for (int row = 0; row < depth; row++)
        {
            TVector factor = TLanes.Broadcast(x[row]);
            TReader.ReadPair(packed, start, out TVector first, out TVector second);
            sum0 = TLanes.MultiplyAdd(factor, first, sum0);
            sum1 = TLanes.MultiplyAdd(factor, second, sum1);
            TReader.ReadPair(packed, start + (2 * width), out first, out second);
            sum2 = TLanes.MultiplyAdd(factor, first, sum2);
            sum3 = TLanes.MultiplyAdd(factor, second, sum3);
            packed += rowSizeBytes;
        }

        TLanes.Store(sum0, y);
        TLanes.Store(sum1, y + width);
        TLanes.Store(sum2, y + (2 * width));
        TLanes.Store(sum3, y + (3 * width));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwoVectors(float* x, int depth, byte* packed, nint rowSizeBytes, int column, float* y, bool accumulate)
    {
        int start = Advance(ref packed, column);
        TVector sum0 = Begin(y, accumulate);
        TVector sum1 = Begin(y + TLanes.Count, accumulate);
        for (int row = 0; row < depth; row++)
        {
            TVector factor = TLanes.Broadcast(x[row]);
            TReader.ReadPair(packed, start, out TVector first, out TVector second);
            sum0 = TLanes.MultiplyAdd(factor, first, sum0);
            sum1 = TLanes.MultiplyAdd(factor, second, sum1);
            packed += rowSizeBytes;
        }

        TLanes.Store(sum0, y);
        TLanes.Store(sum1, y + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* row)
    {
        if (Sse.IsSupported && TReader.BitCount >= 8)
        {
            Sse.Prefetch0(row);
            if (TReader.BitCount > 8)
            {
                Sse.Prefetch0(row + 64);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Begin(float* y, bool accumulate) => accumulate ? TLanes.Load(y) : default;

    /// <summary>
    /// Moves <paramref name="packed"/> to a column, so that what is left to add in the loop is a constant. A single lane may begin within a
    /// group of codes, which has no address.
    /// </summary>
    /// <returns>The column from there.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Advance(ref byte* packed, int column)
    {
        if (TLanes.Count == 1)
        {
            return column;
        }

        packed += (nint)column * TReader.BitCount / 8;
        return 0;
    }
}
