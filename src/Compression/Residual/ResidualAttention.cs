using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Residual;

/// <summary>
/// y[column] += x[row]·(L + S)[row][column] on what is stored: first L through its factors, y += Σ_j ((x·left_j)·scale_j)·right_j in ascending j,
/// where x·left_j is summed in the order of <see cref="LaneDot"/>; then S, y[column] = fma(x[row]·scale, code, y[column]) in ascending position.
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
            AddOutliers(matrix, payload, x, xStride, count, y, yStride);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddOutliers(ResidualMatrix matrix, byte* payload, float* x, int xStride, int count, float* y, int yStride)
    {
        int rows = matrix.RowCount;
        int slots = matrix.SlotCount;
        float scale = Unsafe.ReadUnaligned<float>(payload + matrix.OutlierScaleStart);
        float* scaled = TileScratch.Tile.Rent(rows + (3 * slots));
        var rowOf = (int*)(scaled + rows);
        int* columnOf = rowOf + slots;
        float* codes = (float*)(columnOf + slots);
        Expand(matrix, payload, rowOf, columnOf, codes);
        for (int i = 0; i < count; i++)
        {
            float* input = x + ((nint)i * xStride);
            float* output = y + ((nint)i * yStride);
            var factor = Vector256.Create(scale);
            for (int r = 0; r < rows; r += Group)
            {
                (Vector256.Load(input + r) * factor).Store(scaled + r);
            }

            for (int s = 0; s < slots; s++)
            {
                float* element = output + columnOf[s];
                *element = MathF.FusedMultiplyAdd(scaled[rowOf[s]], codes[s], *element);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Expand(ResidualMatrix matrix, byte* payload, int* rowOf, int* columnOf, float* codes)
    {
        byte* gaps = payload + matrix.GapStart;
        var stored = (sbyte*)payload + matrix.CodeStart;
        uint columns = (uint)matrix.ColumnCount;
        ulong inverse = (uint.MaxValue / columns) + 1;
        uint position = 0;
        for (int s = 0; s < matrix.SlotCount; s++)
        {
            position += gaps[s];
            var row = (uint)((position * inverse) >> 32);
            rowOf[s] = (int)row;
            columnOf[s] = (int)(position - (row * columns));
            codes[s] = stored[s];
        }
    }
}
