using System.Runtime.CompilerServices;

namespace KvCluster.Compression.Residual;

/// <summary>Positions in ascending order as gaps of one byte, so an outlier takes two bytes with its code.</summary>
/// <remarks>A gap of <see cref="ResidualMatrix.SkipGap"/> only goes on; slots after the last outlier have a gap of 0. Both have the code 0.</remarks>
internal static unsafe class OutlierList
{
    /// <summary>Writes all gaps and clears all codes.</summary>
    public static void Write(ResidualMatrix matrix, int* positions, byte* payload)
    {
        new Span<byte>(payload + matrix.OutlierScaleStart, matrix.End - matrix.OutlierScaleStart).Clear();
        byte* gaps = payload + matrix.GapStart;
        int last = 0;
        for (int i = 0; i < matrix.OutlierCount; i++)
        {
            int gap = positions[i] - last;
            for (; gap >= ResidualMatrix.SkipGap; gap -= ResidualMatrix.SkipGap)
            {
                *gaps++ = ResidualMatrix.SkipGap;
            }

            *gaps++ = (byte)gap;
            last = positions[i];
        }
    }

    /// <summary>Writes codes of the outliers' values, in the order of positions, and their scale.</summary>
    public static void WriteValues(ResidualMatrix matrix, float* values, byte* payload)
    {
        float largest = 0;
        for (int i = 0; i < matrix.OutlierCount; i++)
        {
            largest = MathF.Max(largest, MathF.Abs(values[i]));
        }

        float scale = largest / sbyte.MaxValue;
        Unsafe.WriteUnaligned(payload + matrix.OutlierScaleStart, scale);
        var codes = (sbyte*)payload + matrix.CodeStart;
        byte* gaps = payload + matrix.GapStart;
        int slot = 0;
        for (int i = 0; i < matrix.OutlierCount && scale > 0; i++, slot++)
        {
            while (gaps[slot] == ResidualMatrix.SkipGap)
            {
                slot++;
            }

            codes[slot] = (sbyte)Math.Clamp(MathF.Round(values[i] / scale), -sbyte.MaxValue, sbyte.MaxValue);
        }
    }

    /// <summary>Positions of the outliers, and of nothing else.</summary>
    public static void ReadPositions(ResidualMatrix matrix, byte* payload, int* positions)
    {
        byte* gaps = payload + matrix.GapStart;
        int position = 0;
        for (int i = 0; i < matrix.OutlierCount; gaps++)
        {
            position += *gaps;
            if (*gaps != ResidualMatrix.SkipGap)
            {
                positions[i++] = position;
            }
        }
    }

    /// <summary>Whether every gap stays within the matrix and the scale is a number.</summary>
    public static bool IsWellFormed(ResidualMatrix matrix, ReadOnlySpan<byte> payload)
    {
        if (matrix.SlotCount == 0)
        {
            return true;
        }

        int position = 0;
        foreach (byte gap in payload.Slice(matrix.GapStart, matrix.SlotCount))
        {
            position += gap;
        }

        float scale = Unsafe.ReadUnaligned<float>(in payload[matrix.OutlierScaleStart]);
        return position < matrix.Length && float.IsFinite(scale) && scale >= 0;
    }
}
