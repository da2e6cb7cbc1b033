using System.Runtime.CompilerServices;

namespace KvCluster.Compression.Numerics;

/// <summary>Cuts one multiplication into the blocks of <see cref="TileBlocks{TLanes,TVector}"/>.</summary>
internal static class TileKernel<TLanes, TVector>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
{
    /// <summary>Computes the columns from <paramref name="column"/> that fill whole vectors.</summary>
    /// <returns>The first column that was not computed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Run(in TileOperands operands, int rowCount, int column, int columnCount)
    {
        int end = columnCount - ((columnCount - column) % TLanes.Count);
        int row = 0;
        int highRows = HighRowCount(rowCount, (end - column) % (4 * TLanes.Count) != 0);
        if (highRows > 0)
        {
            RunHigh(operands, highRows, column, end);
            row = highRows;
        }

        for (; row <= rowCount - 2; row += 2)
        {
            RunTwoRows(operands, row, column, end);
        }

        if (row < rowCount)
        {
            RunRow(operands, row, column, end);
        }

        return end;
    }

    /// <summary>
    /// Rows that go by six and four: all but up to three. Two more than sixes are two fours in place of one six where their columns would be
    /// left over, one vector each.
    /// </summary>
    private static int HighRowCount(int rowCount, bool hasColumnsLeft)
    {
        int afterSixes = rowCount % 6;
        bool isFours = afterSixes == 2 && rowCount >= 8 && hasColumnsLeft;
        return isFours ? rowCount : rowCount - (afterSixes >= 4 ? afterSixes - 4 : afterSixes);
    }

    private static void RunHigh(in TileOperands operands, int rowCount, int column, int end)
    {
        for (; column <= end - (2 * TLanes.Count); column += 2 * TLanes.Count)
        {
            int row = 0;
            for (; row <= rowCount - 6 && row != rowCount - 8; row += 6)
            {
                TileBlocks<TLanes, TVector>.SixByTwo(operands, row, column);
            }

            for (; row < rowCount; row += 4)
            {
                TileBlocks<TLanes, TVector>.FourByTwo(operands, row, column);
            }
        }

        for (int row = 0; column < end && row < rowCount; row++)
        {
            RunRow(operands, row, column, end);
        }
    }

    private static void RunTwoRows(in TileOperands operands, int row, int column, int end)
    {
        for (; column <= end - (4 * TLanes.Count); column += 4 * TLanes.Count)
        {
            TileBlocks<TLanes, TVector>.TwoByFour(operands, row, column);
        }

        RunRow(operands, row, column, end);
        RunRow(operands, row + 1, column, end);
    }

    private static void RunRow(in TileOperands operands, int row, int column, int end)
    {
        for (; column <= end - (8 * TLanes.Count); column += 8 * TLanes.Count)
        {
            TileBlocks<TLanes, TVector>.OneByEight(operands, row, column);
        }

        for (; column < end; column += TLanes.Count)
        {
            TileBlocks<TLanes, TVector>.OneByOne(operands, row, column);
        }
    }
}
