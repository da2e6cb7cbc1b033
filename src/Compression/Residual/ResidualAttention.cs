using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Residual;

/// <summary>
/// y[column] += x[row]·(L + S)[row][column] on what is stored: first L through its factors, y += Σ_j ((x·left_j)·scale_j)·right_j in ascending j,
/// where x·left_j is summed in the order of <see cref="LaneDot"/>; then S (<see cref="OutlierMultiply"/>).
/// </summary>
internal static unsafe class ResidualAttention
{
    private const int Group = 8;

    public static void Add(ResidualMatrix matrix, byte* payload, float* x, int xStride, int count, float* y, int yStride)
    {
        if (matrix.Rank > 0)
        {
            AddLowRank(matrix, payload, x, xStride, count, y, yStride);
        }

        if (matrix.OutlierCount > 0)
        {
            OutlierMultiply.Add(matrix, payload, x, xStride, count, y, yStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddLowRank(ResidualMatrix matrix, byte* payload, float* x, int xStride, int count, float* y, int yStride)
    {
        int rows = matrix.RowCount;
        int columns = matrix.ColumnCount;
        int rank = matrix.Rank;
        float* left = TileScratch.Tile.Rent(rank * (rows + columns));
        float* right = left + (rank * rows);
        Nibbles.Expand(payload + matrix.LeftStart, rank * rows, left);
        Nibbles.Expand(payload + matrix.RightStart, rank * columns, right);
        for (int i = 0; i < count; i++)
        {
            float* row = x + ((nint)i * xStride);
            float* output = y + ((nint)i * yStride);
            for (int j = 0; j < rank; j++)
            {
                float scale = Unsafe.ReadUnaligned<float>(payload + matrix.Start + (j * sizeof(float)));
                var factor = Vector256.Create(LaneDot.Dot(row, left + (j * rows), rows) * scale);
                float* vector = right + (j * columns);
                for (int c = 0; c < columns; c += Group)
                {
                    Vector256.FusedMultiplyAdd(factor, Vector256.Load(vector + c), Vector256.Load(output + c)).Store(output + c);
                }
            }
        }
    }
}
