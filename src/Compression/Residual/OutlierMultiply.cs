using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Residual;

/// <summary>
/// y[column] += (x[row]·scale)·code over the outliers: fused multiply-adds in ascending order of slots, beginning with what y holds, for any number of
/// queries.
/// </summary>
/// <remarks>One query is added in place. Of more, 32 or 8 lie side by side, so that a slot is read once for all of them and is one vector or four.</remarks>
internal static unsafe class OutlierMultiply
{
    private const int Lanes = 8;
    private const int WideLanes = 4 * Lanes;

    /// <summary>Up to so many, adding in place is faster than transposing; measured on Zen 3.</summary>
    private const int InPlaceMaxCount = 2;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(ResidualMatrix matrix, byte* payload, float* x, int xStride, int count, float* y, int yStride)
    {
        int slots = OutlierSlots.UsedCount(matrix, payload);
        int lanes = count <= InPlaceMaxCount ? 1 : count < WideLanes ? Lanes : WideLanes;
        int staged = lanes == 1 ? 0 : Lanes * Math.Max(matrix.RowCount, matrix.ColumnCount);
        float* codes = TileScratch.Tile.Rent((2 * slots) + (lanes * (matrix.RowCount + matrix.ColumnCount)) + staged);
        var rows = (ushort*)(codes + slots);
        ushort* columns = rows + slots;
        float* scaled = (float*)(columns + slots);
        float* sums = scaled + (lanes * matrix.RowCount);
        float* staging = sums + (lanes * matrix.ColumnCount);
        float scale = Unsafe.ReadUnaligned<float>(payload + matrix.OutlierScaleStart);
        OutlierSlots.Expand(matrix, payload, slots, rows, columns, codes);
        int width;
        for (int done = 0; done < count; done += width)
        {
            float* from = x + ((nint)done * xStride);
            float* to = y + ((nint)done * yStride);
            width = Math.Min(count - done, lanes);
            if (lanes == 1)
            {
                Scale(from, matrix.RowCount, scale, scaled);
                AddInPlace(rows, columns, codes, slots, scaled, to);
                continue;
            }

            int columnLanes = width < WideLanes ? Lanes : WideLanes;
            width = Math.Min(width, columnLanes);
            QueryLanes.Load(from, xStride, width, matrix.RowCount, columnLanes, staging, scaled);
            Scale(scaled, columnLanes * matrix.RowCount, scale, scaled);
            QueryLanes.Load(to, yStride, width, matrix.ColumnCount, columnLanes, staging, sums);
            if (columnLanes == Lanes)
            {
                AddEight(rows, columns, codes, slots, scaled, sums);
            }
            else
            {
                AddWide(rows, columns, codes, slots, scaled, sums);
            }

            QueryLanes.Store(sums, columnLanes, matrix.ColumnCount, staging, to, yStride, width);
        }
    }

    /// <summary>Rows and columns come four a load: with their x, their code and y, a slot takes as many loads as a core does in one cycle and a half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddInPlace(ushort* rows, ushort* columns, float* codes, nint slots, float* scaled, float* y)
    {
        for (nint s = 0; s < slots; s += 4)
        {
            ulong row = Unsafe.ReadUnaligned<ulong>(rows + s);
            ulong column = Unsafe.ReadUnaligned<ulong>(columns + s);
            AddSlot(scaled[(nuint)(ushort)row], codes[s], y + (nuint)(ushort)column);
            AddSlot(scaled[(nuint)(ushort)(row >> 16)], codes[s + 1], y + (nuint)(ushort)(column >> 16));
            AddSlot(scaled[(nuint)(ushort)(row >> 32)], codes[s + 2], y + (nuint)(ushort)(column >> 32));
            AddSlot(scaled[(nuint)(row >> 48)], codes[s + 3], y + (nuint)(column >> 48));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSlot(float x, float code, float* element) => *element = MathF.FusedMultiplyAdd(x, code, *element);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddEight(ushort* rows, ushort* columns, float* codes, int slots, float* scaled, float* sums)
    {
        for (int s = 0; s < slots; s++)
        {
            float* sum = sums + ((nint)columns[s] * Lanes);
            AddVector(scaled + ((nint)rows[s] * Lanes), Vector256.Create(codes[s]), sum);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddWide(ushort* rows, ushort* columns, float* codes, int slots, float* scaled, float* sums)
    {
        for (int s = 0; s < slots; s++)
        {
            float* row = scaled + ((nint)rows[s] * WideLanes);
            float* sum = sums + ((nint)columns[s] * WideLanes);
            var code = Vector256.Create(codes[s]);
            AddVector(row, code, sum);
            AddVector(row + Lanes, code, sum + Lanes);
            AddVector(row + (2 * Lanes), code, sum + (2 * Lanes));
            AddVector(row + (3 * Lanes), code, sum + (3 * Lanes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddVector(float* row, Vector256<float> code, float* sum) =>
        Vector256.FusedMultiplyAdd(Vector256.Load(row), code, Vector256.Load(sum)).Store(sum);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale(float* x, int length, float scale, float* scaled)
    {
        for (int i = 0; i < length; i += Lanes)
        {
            (Vector256.Load(x + i) * scale).Store(scaled + i);
        }
    }
}
