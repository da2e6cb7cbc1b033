using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Residual;

/// <summary>The sum of each row of a matrix, in the order of <see cref="LaneDot"/>; four rows at a time.</summary>
internal static unsafe class RowSums
{
    /// <param name="matrix">[rows][columns].</param>
    /// <param name="rowCount">Multiple of 4.</param>
    /// <param name="columnCount">Multiple of 16.</param>
    /// <param name="sums">By row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(float* matrix, int rowCount, int columnCount, float* sums)
    {
        for (int row = 0; row < rowCount; row += 4)
        {
            LaneDot.Fold(
                Lanes(matrix, columnCount), Lanes(matrix + columnCount, columnCount), Lanes(matrix + (2 * columnCount), columnCount),
                Lanes(matrix + (3 * columnCount), columnCount)).Store(sums + row);
            matrix += 4 * columnCount;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Lanes(float* row, int columnCount)
    {
        Vector256<float> lower = default;
        Vector256<float> upper = default;
        for (int i = 0; i < columnCount; i += 16)
        {
            lower += Vector256.Load(row + i);
            upper += Vector256.Load(row + i + 8);
        }

        return lower + upper;
    }
}
