using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvCluster.Compression.Residual;

/// <summary>One row of <see cref="OutlierMultiply"/>: chains[slot modulo 4][column] += scaled[row]·code, slot after slot.</summary>
internal static unsafe class OutlierChains
{
    public const int Count = 4;

    private const int TokenColumns = 64;

    /// <summary>By byte, the code as a float; pinned.</summary>
    private static readonly float[] Codes = MakeCodes();

    /// <param name="matrix">With outliers.</param>
    /// <param name="payload">Of the layer.</param>
    /// <param name="scaled">[rows], times the outliers' scale.</param>
    /// <param name="chains">[4][columns].</param>
    public static void Add(ResidualMatrix matrix, byte* payload, float* scaled, float* chains)
    {
        byte* gaps = payload + matrix.GapStart;
        byte* codes = payload + matrix.CodeStart;
        if (matrix.ColumnCount == TokenColumns)
        {
            Add64(gaps, codes, matrix.SlotCount, scaled, chains);
        }
        else
        {
            AddAny(gaps, codes, matrix.SlotCount, (uint)matrix.ColumnCount, scaled, chains);
        }
    }

    /// <summary>64 columns: all keys, and most values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add64(byte* gaps, byte* codes, int slots, float* scaled, float* chains)
    {
        float* values = (float*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(Codes));
        nuint position = 0;
        for (int s = 0; s < slots; s += Count)
        {
            position += gaps[s];
            float* element = chains + (position & 63);
            *element = MathF.FusedMultiplyAdd(scaled[position >> 6], values[codes[s]], *element);
            position += gaps[s + 1];
            element = chains + 64 + (position & 63);
            *element = MathF.FusedMultiplyAdd(scaled[position >> 6], values[codes[s + 1]], *element);
            position += gaps[s + 2];
            element = chains + 128 + (position & 63);
            *element = MathF.FusedMultiplyAdd(scaled[position >> 6], values[codes[s + 2]], *element);
            position += gaps[s + 3];
            element = chains + 192 + (position & 63);
            *element = MathF.FusedMultiplyAdd(scaled[position >> 6], values[codes[s + 3]], *element);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddAny(byte* gaps, byte* codes, int slots, uint columns, float* scaled, float* chains)
    {
        float* values = (float*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(Codes));
        ulong inverse = (uint.MaxValue / columns) + 1; // position·inverse / 2^32 is position / columns for all positions below 2^32 / columns
        uint position = 0;
        for (int s = 0; s < slots; s += Count)
        {
            float* chain = chains;
            for (int k = 0; k < Count; k++)
            {
                position += gaps[s + k];
                var row = (uint)((position * inverse) >> 32);
                uint column = position - (row * columns);
                chain[column] = MathF.FusedMultiplyAdd(scaled[row], values[codes[s + k]], chain[column]);
                chain += columns;
            }
        }
    }

    private static float[] MakeCodes()
    {
        float[] codes = GC.AllocateUninitializedArray<float>(byte.MaxValue + 1, pinned: true);
        for (int i = 0; i < codes.Length; i++)
        {
            codes[i] = (sbyte)i;
        }

        return codes;
    }
}
