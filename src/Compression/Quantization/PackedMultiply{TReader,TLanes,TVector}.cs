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
    private static int FusedMaxRowCount => TReader.BitCount == 16 ? 1 : 3;

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
            for (nint row = 0; row < rowCount; row++)
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

    public override void Expand(byte* packed, int rowCount, int columnCount, float* destination, int stride)
    {
        if (columnCount % (2 * TLanes.Count) != 0)
        {
            narrower!.Expand(packed, rowCount, columnCount, destination, stride);
        }
        else
        {
            Expand(packed, columnCount * TReader.BitCount / 8, rowCount, 0, columnCount, destination, stride);
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
        for (int row = 0; row < rowCount; row++)
        {
            for (int column = 0; column < width; column += 2 * TLanes.Count)
            {
                TReader.ReadPair(packed, start + column, out TVector first, out TVector second);
                TLanes.Store(first, tile + column);
                TLanes.Store(second, tile + column + TLanes.Count);
            }

            packed += rowSizeBytes;
            tile += stride;
        }
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
