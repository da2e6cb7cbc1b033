namespace KvCluster.Inference.Calibration;

/// <summary>
/// Maps whose columns are whole multiples, up to 127, of a power of two (<see cref="Compression.Calibration.Bases.Coarse"/>): kept in a byte an
/// element, without loss.
/// </summary>
internal static class CoarseMap
{
    private const int MaxCode = 127;

    /// <summary>Codes and the unit of each column; null when a column does not fit.</summary>
    public static (sbyte[] Codes, float[] Units)? TryPack(Half[] map, int rank)
    {
        float[] units = new float[rank];
        var codes = new sbyte[map.Length];
        for (int column = 0; column < rank; column++)
        {
            float greatest = 0;
            for (int i = column; i < map.Length; i += rank)
            {
                greatest = MathF.Max(greatest, MathF.Abs((float)map[i]));
            }

            units[column] = Unit(greatest);
            for (int i = column; i < map.Length; i += rank)
            {
                float code = (float)map[i] / units[column];
                if (code != MathF.Round(code))
                {
                    return null;
                }

                codes[i] = (sbyte)code;
            }
        }

        return (codes, units);
    }

    public static Half[] Unpack(ReadOnlySpan<sbyte> codes, float[] units)
    {
        var map = new Half[codes.Length];
        for (int i = 0; i < map.Length; i++)
        {
            map[i] = (Half)(codes[i] * units[i % units.Length]);
        }

        return map;
    }

    /// <summary>The least power of two of which the greatest element is at most 127.</summary>
    private static float Unit(float greatest) => Compression.Calibration.Bases.CoarseUnit(greatest, MaxCode);
}
