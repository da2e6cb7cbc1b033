using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Residual;

/// <summary>Positions in ascending order as gaps of one byte, so an outlier takes two bytes with its code.</summary>
/// <remarks>A gap of <see cref="ResidualMatrix.SkipGap"/> only goes on; slots after the last outlier have a gap of 0. Both have the code 0.</remarks>
internal static unsafe class OutlierList
{
    private const int Lanes = 8;

    /// <summary>Writes all gaps and clears all codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    /// <summary>Writes codes of the outliers' values, in the order of positions, and their scale. The values are overwritten.</summary>
    public static void WriteValues(ResidualMatrix matrix, float* values, byte* payload)
    {
        float scale = Largest(values, matrix.OutlierCount) / sbyte.MaxValue;
        Unsafe.WriteUnaligned(payload + matrix.OutlierScaleStart, scale);
        if (scale > 0)
        {
            Round(values, matrix.OutlierCount, scale);
            Place(values, matrix.OutlierCount, payload + matrix.GapStart, (sbyte*)payload + matrix.CodeStart);
        }
    }

    /// <summary>Positions of the outliers, and of nothing else.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Largest(float* values, int count)
    {
        Vector256<float> lanes = default;
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            lanes = Vector256.Max(lanes, Vector256.Abs(Vector256.Load(values + i)));
        }

        float largest = LaneFold.Max(lanes);
        for (; i < count; i++)
        {
            largest = MathF.Max(largest, MathF.Abs(values[i]));
        }

        return largest;
    }

    /// <summary>Values to codes, still as floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(float* values, int count, float scale)
    {
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector256<float> codes = Vector256.Round(Vector256.Load(values + i) / Vector256.Create(scale));
            Vector256.Clamp(codes, Vector256.Create(-(float)sbyte.MaxValue), Vector256.Create((float)sbyte.MaxValue)).Store(values + i);
        }

        for (; i < count; i++)
        {
            values[i] = Math.Clamp(MathF.Round(values[i] / scale), -sbyte.MaxValue, sbyte.MaxValue);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Place(float* rounded, int count, byte* gaps, sbyte* codes)
    {
        for (int i = 0; i < count; gaps++, codes++)
        {
            if (*gaps != ResidualMatrix.SkipGap)
            {
                *codes = (sbyte)rounded[i++];
            }
        }
    }
}
