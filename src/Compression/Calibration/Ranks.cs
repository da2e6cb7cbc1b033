namespace KvCluster.Compression.Calibration;

/// <summary>Ranks come in steps of 16 channels.</summary>
public static class Ranks
{
    public const int Step = 16;

    /// <summary>The smallest rank whose leading values hold a share of the energy: min r: Σ_{i≤r} λ_i ≥ energy·Σ λ_i, rounded up to whole steps.</summary>
    public static int ForEnergy(IReadOnlyList<double> values, double energy)
    {
        ArgumentNullException.ThrowIfNull(values);
        double wanted = energy * values.Sum();
        double sum = 0;
        int rank = 0;
        while (rank < values.Count && (rank == 0 || sum < wanted))
        {
            sum += values[rank++];
        }

        return Math.Min((rank + Step - 1) / Step * Step, values.Count);
    }
}
