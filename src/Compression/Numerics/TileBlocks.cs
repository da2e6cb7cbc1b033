using System.Runtime.CompilerServices;

namespace KvCluster.Compression.Numerics;

/// <summary>Register blocks of <see cref="TileMultiply"/>: as large as 16 vector registers allow, so that enough chains are in flight.</summary>
internal static unsafe class TileBlocks<TLanes, TVector>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
{
    /// <summary>6 rows, 2 vectors: 12 chains.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixByTwo(in TileOperands operands, nint row, nint column)
    {
        nint aStride = operands.AStride;
        nint bStride = operands.BStride;
        nint cStride = operands.CStride;
        int width = TLanes.Count;
        float* a0 = operands.A + (row * aStride);
        float* a1 = a0 + aStride;
        float* a2 = a1 + aStride;
        float* a3 = a2 + aStride;
        float* a4 = a3 + aStride;
        float* a5 = a4 + aStride;
        float* b = operands.B + column;
        float* c = operands.C + (row * cStride) + column;
        TVector sum00 = Begin(operands, c);
        TVector sum01 = Begin(operands, c + width);
        TVector sum10 = Begin(operands, c + cStride);
        TVector sum11 = Begin(operands, c + cStride + width);
        TVector sum20 = Begin(operands, c + (2 * cStride));
        TVector sum21 = Begin(operands, c + (2 * cStride) + width);
        TVector sum30 = Begin(operands, c + (3 * cStride));
        TVector sum31 = Begin(operands, c + (3 * cStride) + width);
        TVector sum40 = Begin(operands, c + (4 * cStride));
        TVector sum41 = Begin(operands, c + (4 * cStride) + width);
        TVector sum50 = Begin(operands, c + (5 * cStride));
        TVector sum51 = Begin(operands, c + (5 * cStride) + width);
        for (nint p = 0; p < operands.Depth; p++)
        {
            TVector b0 = TLanes.Load(b);
            TVector b1 = TLanes.Load(b + width);
            TVector factor = TLanes.Broadcast(a0[p]);
            sum00 = TLanes.MultiplyAdd(factor, b0, sum00);
            sum01 = TLanes.MultiplyAdd(factor, b1, sum01);
            factor = TLanes.Broadcast(a1[p]);
            sum10 = TLanes.MultiplyAdd(factor, b0, sum10);
            sum11 = TLanes.MultiplyAdd(factor, b1, sum11);
            factor = TLanes.Broadcast(a2[p]);
            sum20 = TLanes.MultiplyAdd(factor, b0, sum20);
            sum21 = TLanes.MultiplyAdd(factor, b1, sum21);
            factor = TLanes.Broadcast(a3[p]);
            sum30 = TLanes.MultiplyAdd(factor, b0, sum30);
            sum31 = TLanes.MultiplyAdd(factor, b1, sum31);
            factor = TLanes.Broadcast(a4[p]);
            sum40 = TLanes.MultiplyAdd(factor, b0, sum40);
            sum41 = TLanes.MultiplyAdd(factor, b1, sum41);
            factor = TLanes.Broadcast(a5[p]);
            sum50 = TLanes.MultiplyAdd(factor, b0, sum50);
            sum51 = TLanes.MultiplyAdd(factor, b1, sum51);
            b += bStride;
        }

        TLanes.Store(sum00, c);
        TLanes.Store(sum01, c + width);
        TLanes.Store(sum10, c + cStride);
        TLanes.Store(sum11, c + cStride + width);
        TLanes.Store(sum20, c + (2 * cStride));
        TLanes.Store(sum21, c + (2 * cStride) + width);
        TLanes.Store(sum30, c + (3 * cStride));
        TLanes.Store(sum31, c + (3 * cStride) + width);
        TLanes.Store(sum40, c + (4 * cStride));
        TLanes.Store(sum41, c + (4 * cStride) + width);
        TLanes.Store(sum50, c + (5 * cStride));
        TLanes.Store(sum51, c + (5 * cStride) + width);
    }

    /// <summary>4 rows, 2 vectors: 8 chains.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FourByTwo(in TileOperands operands, nint row, nint column)
    {
        nint aStride = operands.AStride;
        nint bStride = operands.BStride;
        nint cStride = operands.CStride;
        int width = TLanes.Count;
        float* a0 = operands.A + (row * aStride);
        float* a1 = a0 + aStride;
        float* a2 = a1 + aStride;
        float* a3 = a2 + aStride;
        float* b = operands.B + column;
        float* c = operands.C + (row * cStride) + column;
        TVector sum00 = Begin(operands, c);
        TVector sum01 = Begin(operands, c + width);
        TVector sum10 = Begin(operands, c + cStride);
        TVector sum11 = Begin(operands, c + cStride + width);
        TVector sum20 = Begin(operands, c + (2 * cStride));
        TVector sum21 = Begin(operands, c + (2 * cStride) + width);
        TVector sum30 = Begin(operands, c + (3 * cStride));
        TVector sum31 = Begin(operands, c + (3 * cStride) + width);
        for (nint p = 0; p < operands.Depth; p++)
        {
            TVector b0 = TLanes.Load(b);
            TVector b1 = TLanes.Load(b + width);
            TVector factor = TLanes.Broadcast(a0[p]);
            sum00 = TLanes.MultiplyAdd(factor, b0, sum00);
            sum01 = TLanes.MultiplyAdd(factor, b1, sum01);
            factor = TLanes.Broadcast(a1[p]);
            sum10 = TLanes.MultiplyAdd(factor, b0, sum10);
            sum11 = TLanes.MultiplyAdd(factor, b1, sum11);
            factor = TLanes.Broadcast(a2[p]);
            sum20 = TLanes.MultiplyAdd(factor, b0, sum20);
            sum21 = TLanes.MultiplyAdd(factor, b1, sum21);
            factor = TLanes.Broadcast(a3[p]);
            sum30 = TLanes.MultiplyAdd(factor, b0, sum30);
            sum31 = TLanes.MultiplyAdd(factor, b1, sum31);
            b += bStride;
        }

        TLanes.Store(sum00, c);
        TLanes.Store(sum01, c + width);
        TLanes.Store(sum10, c + cStride);
        TLanes.Store(sum11, c + cStride + width);
        TLanes.Store(sum20, c + (2 * cStride));
        TLanes.Store(sum21, c + (2 * cStride) + width);
        TLanes.Store(sum30, c + (3 * cStride));
        TLanes.Store(sum31, c + (3 * cStride) + width);
    }

    /// <summary>2 rows, 4 vectors: 8 chains.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TwoByFour(in TileOperands operands, nint row, nint column)
    {
        nint aStride = operands.AStride;
        nint bStride = operands.BStride;
        nint cStride = operands.CStride;
        int width = TLanes.Count;
        float* a0 = operands.A + (row * aStride);
        float* a1 = a0 + aStride;
        float* b = operands.B + column;
        float* c = operands.C + (row * cStride) + column;
        TVector sum00 = Begin(operands, c);
        TVector sum01 = Begin(operands, c + width);
        TVector sum02 = Begin(operands, c + (2 * width));
        TVector sum03 = Begin(operands, c + (3 * width));
        TVector sum10 = Begin(operands, c + cStride);
        TVector sum11 = Begin(operands, c + cStride + width);
        TVector sum12 = Begin(operands, c + cStride + (2 * width));
        TVector sum13 = Begin(operands, c + cStride + (3 * width));
        for (nint p = 0; p < operands.Depth; p++)
        {
            TVector b0 = TLanes.Load(b);
            TVector b1 = TLanes.Load(b + width);
            TVector b2 = TLanes.Load(b + (2 * width));
            TVector b3 = TLanes.Load(b + (3 * width));
            TVector factor = TLanes.Broadcast(a0[p]);
            sum00 = TLanes.MultiplyAdd(factor, b0, sum00);
            sum01 = TLanes.MultiplyAdd(factor, b1, sum01);
            sum02 = TLanes.MultiplyAdd(factor, b2, sum02);
            sum03 = TLanes.MultiplyAdd(factor, b3, sum03);
            factor = TLanes.Broadcast(a1[p]);
            sum10 = TLanes.MultiplyAdd(factor, b0, sum10);
            sum11 = TLanes.MultiplyAdd(factor, b1, sum11);
            sum12 = TLanes.MultiplyAdd(factor, b2, sum12);
            sum13 = TLanes.MultiplyAdd(factor, b3, sum13);
            b += bStride;
        }

        TLanes.Store(sum00, c);
        TLanes.Store(sum01, c + width);
        TLanes.Store(sum02, c + (2 * width));
        TLanes.Store(sum03, c + (3 * width));
        TLanes.Store(sum10, c + cStride);
        TLanes.Store(sum11, c + cStride + width);
        TLanes.Store(sum12, c + cStride + (2 * width));
        TLanes.Store(sum13, c + cStride + (3 * width));
    }

    /// <summary>1 row, 8 vectors: 8 chains.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OneByEight(in TileOperands operands, nint row, nint column)
    {
        nint bStride = operands.BStride;
        int width = TLanes.Count;
        float* a0 = operands.A + (row * operands.AStride);
        float* b = operands.B + column;
        float* c = operands.C + (row * operands.CStride) + column;
        TVector sum00 = Begin(operands, c);
        TVector sum01 = Begin(operands, c + width);
        TVector sum02 = Begin(operands, c + (2 * width));
        TVector sum03 = Begin(operands, c + (3 * width));
        TVector sum04 = Begin(operands, c + (4 * width));
        TVector sum05 = Begin(operands, c + (5 * width));
        TVector sum06 = Begin(operands, c + (6 * width));
        TVector sum07 = Begin(operands, c + (7 * width));
        for (nint p = 0; p < operands.Depth; p++)
        {
            TVector factor = TLanes.Broadcast(a0[p]);
            sum00 = TLanes.MultiplyAdd(factor, TLanes.Load(b), sum00);
            sum01 = TLanes.MultiplyAdd(factor, TLanes.Load(b + width), sum01);
            sum02 = TLanes.MultiplyAdd(factor, TLanes.Load(b + (2 * width)), sum02);
            sum03 = TLanes.MultiplyAdd(factor, TLanes.Load(b + (3 * width)), sum03);
            sum04 = TLanes.MultiplyAdd(factor, TLanes.Load(b + (4 * width)), sum04);
            sum05 = TLanes.MultiplyAdd(factor, TLanes.Load(b + (5 * width)), sum05);
            sum06 = TLanes.MultiplyAdd(factor, TLanes.Load(b + (6 * width)), sum06);
            sum07 = TLanes.MultiplyAdd(factor, TLanes.Load(b + (7 * width)), sum07);
            b += bStride;
        }

        TLanes.Store(sum00, c);
        TLanes.Store(sum01, c + width);
        TLanes.Store(sum02, c + (2 * width));
        TLanes.Store(sum03, c + (3 * width));
        TLanes.Store(sum04, c + (4 * width));
        TLanes.Store(sum05, c + (5 * width));
        TLanes.Store(sum06, c + (6 * width));
        TLanes.Store(sum07, c + (7 * width));
    }

    /// <summary>1 row, 1 vector: what is left over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OneByOne(in TileOperands operands, nint row, nint column)
    {
        nint bStride = operands.BStride;
        float* a0 = operands.A + (row * operands.AStride);
        float* b = operands.B + column;
        float* c = operands.C + (row * operands.CStride) + column;
        TVector sum00 = Begin(operands, c);
        for (nint p = 0; p < operands.Depth; p++)
        {
            TVector factor = TLanes.Broadcast(a0[p]);
            sum00 = TLanes.MultiplyAdd(factor, TLanes.Load(b), sum00);
            b += bStride;
        }

        TLanes.Store(sum00, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Begin(in TileOperands operands, float* c) => operands.Accumulate ? TLanes.Load(c) : default;
}
