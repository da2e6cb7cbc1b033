namespace KvCluster.KvStore.Traces.Generation;

/// <summary>The distributions that traces are made of.</summary>
internal static class RandomShapes
{
    /// <summary>Exponential, as between independent arrivals.</summary>
    public static double Exponential(this Random random, double mean) => -mean * Math.Log(1 - random.NextDouble());

    /// <summary>Log-normal with this median; <paramref name="sigma"/> 1 spreads 95 % of it over a factor of 50.</summary>
    public static double LogNormal(this Random random, double median, double sigma)
    {
        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return median * Math.Exp(sigma * normal);
    }

    /// <summary>At least 1; each further one with probability 1 - 1/mean.</summary>
    public static int Geometric(this Random random, double mean)
    {
        int count = 1;
        while (random.NextDouble() > 1 / mean)
        {
            count++;
        }

        return count;
    }

    /// <summary>Whole tokens of a log-normal length, within bounds.</summary>
    public static int TokenCount(this Random random, double median, double sigma, int max) =>
        Math.Clamp((int)random.LogNormal(median, sigma), 1, max);
}
