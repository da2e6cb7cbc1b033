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
    public void Cheapest_AnyBudget_StaysWithinIt()
    {
        var random = new Random(3);
        var costs = new RankCosts(2, 64) { Total = 100 };
        var errors = new Dictionary<(int Head, bool IsKey, int Rank), double>();
        for (int head = 0; head < 2; head++)
        {
            for (int rank = 16; rank < 64; rank += 16)
            {
                errors[(head, true, rank)] = (64 - rank) * random.NextDouble() / 4;
                errors[(head, false, rank)] = (64 - rank) * random.NextDouble() / 4;
                costs.AddKey(head, rank, errors[(head, true, rank)]);
                costs.AddValue(head, rank, errors[(head, false, rank)]);
            }
        }

        int previous = 256;
        foreach (double budget in (double[])[0, 0.05, 0.1, 0.2, 0.3, 0.5, 1])
        {
            IReadOnlyList<HeadRanks> ranks = costs.Cheapest(budget);

            double spent = ranks.Select((rank, head) =>
                errors.GetValueOrDefault((head, true, rank.Key)) + errors.GetValueOrDefault((head, false, rank.Value))).Sum();
            int size = ranks.Sum(rank => rank.Key + rank.Value);
            Assert.InRange(spent, 0, (budget * budget * 100) + 1e-9);
            Assert.InRange(size, 64, previous);
            previous = size;
        }

        Assert.Equal(64, previous);
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
