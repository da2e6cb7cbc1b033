namespace KvCluster.Compression.Numerics;

/// <summary>Register blocks of <see cref="TileMultiply"/> over one width of vector.</summary>
internal static unsafe class TileKernel<TLanes, TVector>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
{
    /// <summary>Computes the columns from <paramref name="column"/> that fill whole vectors.</summary>
    /// <returns>The first column that was not computed.</returns>
    public static int Run(in TileOperands operands, int rowCount, int column, int columnCount)
    {
        int width = TLanes.Count;
        for (; column <= columnCount - width; column += width)
        {
            for (int row = 0; row < rowCount; row++)
            {
                One(operands, row, column);
            }
        }

        return column;
    }

    private static void One(in TileOperands operands, nint row, nint column)
    {
        float* a = operands.A + (row * operands.AStride);
        float* b = operands.B + column;
        float* c = operands.C + (row * operands.CStride) + column;
        TVector sum = operands.Accumulate ? TLanes.Load(c) : default;
        for (int p = 0; p < operands.Depth; p++)
        {
            sum = TLanes.MultiplyAdd(TLanes.Broadcast(a[p]), TLanes.Load(b), sum);
            b += operands.BStride;
        }

        TLanes.Store(sum, c);
    }
}
