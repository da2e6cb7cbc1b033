using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Quantization;

/// <content>The inner loops: sums of a few vectors of columns in registers, over all rows of weights.</content>
internal sealed unsafe partial class PackedMultiply<TReader, TLanes, TVector>
{
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
