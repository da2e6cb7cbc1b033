using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

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
                LaneDot.Lanes(matrix, columnCount), LaneDot.Lanes(matrix + columnCount, columnCount), LaneDot.Lanes(matrix + (2 * columnCount), columnCount),
                LaneDot.Lanes(matrix + (3 * columnCount), columnCount)).Store(sums + row);
            matrix += 4 * columnCount;
        }
    }
}
