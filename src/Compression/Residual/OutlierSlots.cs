using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Residual;

/// <summary>Outliers as attention wants them: where each slot is, and its code as a float.</summary>
internal static unsafe class OutlierSlots
{
    private const int Group = 8;
    private const int TokenColumnBits = 6;

    /// <summary>Slots up to the last group that has an outlier: what follows was kept for skips that were not needed.</summary>
    public static int UsedCount(ResidualMatrix matrix, byte* payload)
    {
        int count = matrix.SlotCount;
        while (count > Group && Unsafe.ReadUnaligned<ulong>(payload + matrix.GapStart + count - Group) == 0)
        {
            count -= Group;
        }

        return count;
    }

    /// <param name="matrix">With outliers.</param>
    /// <param name="payload">Of the layer; well-formed.</param>
    /// <param name="slotCount">A multiple of 8.</param>
    /// <param name="rows">By slot.</param>
    /// <param name="columns">By slot.</param>
    /// <param name="codes">By slot; 0 where there is no outlier.</param>
    public static void Expand(ResidualMatrix matrix, byte* payload, int slotCount, ushort* rows, ushort* columns, float* codes)
    {
        byte* gaps = payload + matrix.GapStart;
        if (matrix.ColumnCount == 1 << TokenColumnBits && matrix.Length <= ushort.MaxValue + 1)
        {
            PlaceOf64(gaps, slotCount, rows, columns);
        }
        else
        {
            Place(matrix, gaps, slotCount, rows, columns);
        }

        Widen((sbyte*)payload + matrix.CodeStart, slotCount, codes);
    }

    /// <summary>64 columns: all keys, and most values. Sums of gaps eight at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PlaceOf64(byte* gaps, int slotCount, ushort* rows, ushort* columns)
    {
        var mask = Vector128.Create((ushort)((1 << TokenColumnBits) - 1));
        Vector128<ushort> last = default;
        for (int s = 0; s < slotCount; s += Group)
        {
            Vector128<ushort> positions = Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(gaps + s)).AsByte());
            positions += Vector128.Shuffle(positions.AsByte(), Vector128.Create((byte)99, 99, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)).AsUInt16();
            positions += Vector128.Shuffle(positions.AsByte(), Vector128.Create((byte)99, 99, 99, 99, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)).AsUInt16();
            positions += Vector128.Shuffle(positions.AsByte(), Vector128.Create((byte)99, 99, 99, 99, 99, 99, 99, 99, 0, 1, 2, 3, 4, 5, 6, 7)).AsUInt16();
            positions += last;
            last = Vector128.Shuffle(positions.AsByte(), Vector128.Create((byte)14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15)).AsUInt16();
            (positions >> TokenColumnBits).Store(rows + s);
            (positions & mask).Store(columns + s);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Place(ResidualMatrix matrix, byte* gaps, int slotCount, ushort* rows, ushort* columns)
    {
        int position = 0;
        for (int s = 0; s < slotCount; s++)
        {
            position += gaps[s];
            int row = matrix.RowOf(position);
            rows[s] = (ushort)row;
            columns[s] = (ushort)(position - (row * matrix.ColumnCount));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(sbyte* bytes, int slotCount, float* codes)
    {
        for (int s = 0; s < slotCount; s += Group)
        {
            Vector256<int> integers = (Widening.Bytes8((byte*)bytes + s) << 24) >> 24;
            Vector256.ConvertToSingle(integers).Store(codes + s);
        }
    }
}
