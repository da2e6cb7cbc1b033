namespace KvCluster.Compression.Calibration;

/// <summary>
/// Reverse water-filling with whole bits: a bit goes where it lowers the squared error most, until the budget is spent. Distortions are those
/// of uniform quantisers at their best step for a Gaussian of variance 1 (Max 1960).
/// </summary>
public static class BitAllocation
{
    public const int MaxBits = 8;

    private static readonly double[] Distortions = [1, 0.3634, 0.1188, 0.03744, 0.01154, 0.003495, 0.00104, 0.0003035, 0.0000869];
    private static readonly float[] Steps = [0, 1.596f, 0.9957f, 0.586f, 0.3352f, 0.1881f, 0.1041f, 0.0569f, 0.0308f];

    /// <summary>The best step of a uniform quantiser of 1 to 8 bits, in standard deviations.</summary>
    public static float Step(int bits) => Steps[bits];

    /// <summary>Squared error of that quantiser in variances; 1 for no bits.</summary>
    public static double Distortion(int bits) => Distortions[bits];

    /// <summary>Bits by unit of channels.</summary>
    /// <param name="variances">Summed over a unit's channels. Units all have the same number of channels.</param>
    /// <param name="meanBits">Bits a channel on average, 0 to 8.</param>
    public static int[] Share(IReadOnlyList<double> variances, double meanBits)
    {
        ArgumentNullException.ThrowIfNull(variances);
        var bits = new int[variances.Count];
        var gains = new PriorityQueue<int, double>();
        for (int unit = 0; unit < variances.Count; unit++)
        {
            gains.Enqueue(unit, -Gain(variances[unit], 0));
        }

        long budget = (long)Math.Round(meanBits * variances.Count);
        while (budget-- > 0 && gains.TryDequeue(out int unit, out _))
        {
            if (++bits[unit] < MaxBits)
            {
                gains.Enqueue(unit, -Gain(variances[unit], bits[unit]));
            }
        }

        return bits;
    }

    private static double Gain(double variance, int bits) => variance * (Distortions[bits] - Distortions[bits + 1]);
}
