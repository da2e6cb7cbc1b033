using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Calibration;

namespace KvCluster.Compression.Tests.Calibration;

public sealed class AllocationTests
{
    [Theory]
    [InlineData(0.5, 16)]
    [InlineData(0.75, 16)]
    [InlineData(0.76, 32)]
    [InlineData(1, 48)]
    public void ForEnergy_FallingValues_RoundsUpToWholeSteps(double energy, int rank)
    {
        double[] values = [.. Enumerable.Repeat(3.0, 16), .. Enumerable.Repeat(0.9375, 16), .. Enumerable.Repeat(0.0625, 16)];

        Assert.Equal(rank, Ranks.ForEnergy(values, energy));
    }

    [Fact]
    public void Share_AnyVariances_IsTheBestShare()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var random = new Random(seed);
            double[] variances = [.. Enumerable.Range(0, 4).Select(_ => Math.Pow(10, -3 * random.NextDouble()))];
            int budget = random.Next(1, 10);

            int[] bits = BitAllocation.Share(variances, budget / 4.0);

            double Error(IEnumerable<int> share) => share.Select((b, unit) => variances[unit] * BitAllocation.Distortion(b)).Sum();
            double best = Shares(4, budget).Min(Error);
            return bits.Sum() == budget && Error(bits) <= best * (1 + 1e-12);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void RankShares_OfTwoLayers_CountEachLayerByItsOwnEnergy()
    {
        double[] steep = [.. Enumerable.Repeat(8.0, 16), .. Enumerable.Repeat(0.1, 48)];
        double[] flat = [.. Enumerable.Repeat(4.0, 16), .. Enumerable.Repeat(3.0, 16), .. Enumerable.Repeat(2.0, 16), .. Enumerable.Repeat(0.2, 16)];
        double[] loud = [.. flat.Select(value => 1000 * value)];

        int[][] ranks = RankShares.Of([[steep, flat], [loud, loud]], 32);

        Assert.Equal([16, 48], ranks[0]);
        Assert.Equal([32, 32], ranks[1]);
        Assert.All(RankShares.Of([[steep, flat], [loud, loud]], 64), layer => Assert.Equal([64, 64], layer));
        Assert.All(RankShares.Of([[steep, flat], [loud, loud]], 16), layer => Assert.Equal([16, 16], layer));
    }

    [Fact]
    public void RankShares_OfAnySpectra_SpendTheBudgetAndLoseTheLeast()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var random = new Random(seed);
            double[][] spectra = [.. Enumerable.Range(0, 3).Select(_ =>
                Enumerable.Range(0, 64).Select(_ => Math.Pow(10, -4 * random.NextDouble())).OrderDescending().ToArray())];
            int unitCount = random.Next(3, 13);

            int[] ranks = RankShares.Share(spectra, unitCount);

            double Lost(IReadOnlyList<int> share) => spectra.Select((spectrum, index) => spectrum.Skip(share[index]).Sum()).Sum();
            double best = (from a in Enumerable.Range(1, 4)
                           from b in Enumerable.Range(1, 4)
                           where unitCount - a - b is >= 1 and <= 4
                           select Lost([Ranks.Step * a, Ranks.Step * b, Ranks.Step * (unitCount - a - b)])).Min();
            return ranks.Sum() == unitCount * Ranks.Step && ranks.Min() >= Ranks.Step && Lost(ranks) <= best * (1 + 1e-12);
        }).QuickCheckThrowOnFailure();
    }

    private static IEnumerable<int[]> Shares(int unitCount, int budget)
    {
        if (unitCount == 1)
        {
            return budget <= BitAllocation.MaxBits ? [[budget]] : [];
        }

        return Enumerable.Range(0, Math.Min(budget, BitAllocation.MaxBits) + 1)
            .SelectMany(first => Shares(unitCount - 1, budget - first).Select(rest => (int[])[first, .. rest]));
    }
}
