using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Residual;

/// <summary>
/// y[column] += x[row]·(L + S)[row][column] on what is stored: first L through its factors, y += Σ_j ((x·left_j)·scale_j)·right_j in ascending j,
/// where x·left_j is summed in the order of <see cref="LaneDot"/>; then S (<see cref="OutlierMultiply"/>).
/// </summary>
internal static unsafe class ResidualAttention
{
    /// <summary>Up to so many queries, factors are unpacked in registers for each.</summary>
    private const int FusedMaxCount = 2;

    public static void Add(ResidualMatrix matrix, byte* payload, float* x, int xStride, int count, float* y, int yStride)
    {
        if (matrix.Rank > 0 && count <= FusedMaxCount)
        {
            for (nint i = 0; i < count; i++)
            {
                AddLowRank(matrix, payload, x + (i * xStride), y + (i * yStride));
            }
        }
        else if (matrix.Rank > 0)
        {
            AddLowRank(matrix, payload, x, xStride, count, y, yStride);
        }

        if (matrix.OutlierCount > 0)
        {
            OutlierMultiply.Add(matrix, payload, x, xStride, count, y, yStride);
        }
    }

    private static void AddLowRank(ResidualMatrix matrix, byte* payload, float* x, float* y)
    {
        int rank = matrix.Rank;
        float* factors = stackalloc float[rank];
        int done = 0;
        for (; done <= rank - 4; done += 4)
        {
            var scales = Vector128.Load((float*)(payload + matrix.Start) + done);
            (Nibbles.DotFour(payload + matrix.LeftStart + (done * matrix.RowCount / 2), matrix.RowCount, x) * scales).Store(factors + done);
        }

        for (; done < rank; done++)
        {
            factors[done] = Nibbles.Dot(payload + matrix.LeftStart + (done * matrix.RowCount / 2), matrix.RowCount, x) * Scale(matrix, payload, done);
        }

        Nibbles.AddRows(payload + matrix.RightStart, rank, matrix.ColumnCount, factors, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddLowRank(ResidualMatrix matrix, byte* payload, float* x, int xStride, int count, float* y, int yStride)
    {
        int rows = matrix.RowCount;
        int columns = matrix.ColumnCount;
        int rank = matrix.Rank;
        float* left = TileScratch.Tile.Rent(rank * (rows + columns + count));
        float* right = left + (rank * rows);
        float* factors = right + (rank * columns);
        Nibbles.Expand(payload + matrix.LeftStart, rank * rows, left);
        Nibbles.Expand(payload + matrix.RightStart, rank * columns, right);
        for (int j = 0; j < rank; j++)
        {
            float scale = Scale(matrix, payload, j);
            for (nint i = 0; i < count; i++)
            {
                factors[(i * rank) + j] = LaneDot.Dot(x + (i * xStride), left + (j * rows), rows) * scale;
            }
        }

        TileMultiply.Multiply(factors, rank, right, columns, y, yStride, count, columns, rank, accumulate: true);
    }

    private static float Scale(ResidualMatrix matrix, byte* payload, int rank) =>
        Unsafe.ReadUnaligned<float>(payload + matrix.Start + (rank * sizeof(float)));
}
