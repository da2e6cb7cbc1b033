namespace KvCluster.Compression.Saliency;

/// <summary>Draws probe rows: half the last ones, half random ones from the rest (ZipCache, arXiv 2405.14256, section 4.3).</summary>
public static class ProbeRows
{
    /// <summary>Ascending and without repetition; the same for the same arguments, everywhere.</summary>
    /// <param name="rowCount">Rows to draw from; at least 1.</param>
    /// <param name="fraction">Share of them to draw, 0 to 1; at least one recent row is.</param>
    /// <param name="seed">Any number.</param>
    public static int[] Draw(int rowCount, double fraction, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowCount);
        int recent = Math.Clamp((int)Math.Ceiling(rowCount * fraction / 2), 1, rowCount);
        int rest = rowCount - recent;
        int random = Math.Min((int)Math.Round(rowCount * fraction / 2), rest);

        // The first so many of a shuffle.
        int[] rows = [.. Enumerable.Range(0, rest)];
        for (int i = 0; i < random; i++)
        {
            int other = i + (int)(Mix(seed, (ulong)i) % (ulong)(rest - i));
            (rows[i], rows[other]) = (rows[other], rows[i]);
        }

        int[] drawn = [.. rows.Take(random), .. Enumerable.Range(rest, recent)];
        Array.Sort(drawn);
        return drawn;
    }

    /// <summary>SplitMix64 (Steele, Lea and Flood 2014) at a counter.</summary>
    private static ulong Mix(ulong seed, ulong counter)
    {
        ulong z = unchecked((seed * 0xD1342543DE82EF95) + ((counter + 1) * 0x9E3779B97F4A7C15));
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}
