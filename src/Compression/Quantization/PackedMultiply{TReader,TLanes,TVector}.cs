using System.Runtime.CompilerServices;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization.Readers;

namespace KvCluster.Compression.Quantization;

/// <summary>One packing on one instruction set.</summary>
/// <param name="path">The instruction set of <typeparamref name="TLanes"/>.</param>
/// <param name="narrower">Takes rows that are not whole pairs of vectors.</param>
internal sealed unsafe partial class PackedMultiply<TReader, TLanes, TVector>(SimdPath path, PackedMultiply? narrower) : PackedMultiply
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
}
