namespace KvCluster.Compression.Calibration;

/// <summary>Mean and principal components of a group's keys or values.</summary>
/// <param name="Eigen">Of the covariance.</param>
/// <param name="Mean">By channel.</param>
internal sealed record PrincipalComponents(SymmetricEigen Eigen, float[] Mean)
{
    public static PrincipalComponents Of(LayerStatistics statistics, IReadOnlyList<GramMatrix> sets, int[] heads)
    {
        (GramMatrix gram, int[] elements) = statistics.Select(sets, heads);
        return new PrincipalComponents(SymmetricEigen.Of(gram.Covariance(elements)), [.. gram.Mean(elements).Select(value => (float)value)]);
    }

    public SideBasis Leading(int rank) => Leading(rank, [], []);

    /// <summary>The leading components in units of <paramref name="steps"/>.</summary>
    public SideBasis Leading(int rank, float[] steps, byte[] bits) => new()
    {
        Rank = rank,
        Map = bits.Length > 0 ? Bases.Coarse(Eigen.Leading(rank)) : Bases.Round(Eigen.Leading(rank)),
        Mean = Mean,
        Steps = steps,
        Bits = bits,
    };
}
