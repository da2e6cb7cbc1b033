using System.Globalization;

namespace KvCluster.CommandLine.Store;

/// <summary>Sizes as people write them: <c>512MiB</c>, <c>2GB</c>, <c>1000000</c>.</summary>
internal static class ByteSize
{
    private static readonly (string Suffix, double Bytes)[] Units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40),
        ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1), ("", 1),
    ];

    public static bool TryParse(string text, out long sizeBytes)
    {
        (string suffix, double unit) = Units.First(unit => text.EndsWith(unit.Suffix, StringComparison.OrdinalIgnoreCase));
        bool isNumber = double.TryParse(
            text.AsSpan(0, text.Length - suffix.Length), NumberStyles.AllowDecimalPoint | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out double count);
        sizeBytes = isNumber && count * unit is >= 1 and < long.MaxValue / 2 ? (long)(count * unit) : 0;
        return sizeBytes > 0;
    }

    public static string Format(long sizeBytes)
    {
        (string suffix, double unit) = sizeBytes switch
        {
            >= 1L << 30 => ("GiB", 1L << 30),
            >= 1L << 20 => ("MiB", 1L << 20),
            _ => ("KiB", 1L << 10),
        };
        return $"{(sizeBytes / unit).ToString("0.##", CultureInfo.InvariantCulture)} {suffix}";
    }
}
