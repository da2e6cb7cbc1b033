using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

/// <summary>The checks of papers.md 1.9 and 4.6 on whole recipes.</summary>
public sealed class RecipeTests
{
    private const int Size = 32;
    private static readonly KvGeometry Geometry = new(1, 4, Size);

    [Theory]
    [InlineData("zack", "zack(accuracy=0.99)")]
    [InlineData("zack(energy=0.980)", "zack(energy=0.98)")]
    [InlineData("zack(basis=stacked,energy=0.9)", "zack(energy=0.9)")]
    [InlineData("zack(basis=kq)", "zack(accuracy=0.99,basis=kq)")]
    [InlineData("kvheads", "kvheads(keep=0.5)")]
    [InlineData("kvheads(ranks=spread,heads=2,keep=0.50)", "kvheads(keep=0.5)")]
    [InlineData("kvheads(ranks=even,keep=0.25)", "kvheads(keep=0.25,ranks=even)")]
    [InlineData("kvheads(heads=8,keep=0.25)", "kvheads(heads=8,keep=0.25)")]
    [InlineData("kvheads(by=mean,ranks=even)", "kvheads(by=mean,keep=0.5)")]
    [InlineData("kvheads(by=weights)", "kvheads(by=weights,keep=0.5)")]
    [InlineData("kvheads(rope=plane,groups=similar,by=activations,keep=0.25)", "kvheads(groups=similar,keep=0.25,rope=plane)")]
    [InlineData("pca", "pca(heads=8)")]
    [InlineData("pca(heads=4)+waterfill(keys=1.10,values=0.5,wide=1.5)", "pca(heads=4)+waterfill(keys=1.1,values=0.5)")]
    public void Of_AnySpelling_HasOneSpec(string spelling, string spec) => Assert.Equal(spec, ProfileRecipe.Of(spelling).Spec);

    [Theory]
    [InlineData("zack(energy=0.9,accuracy=0.9)")]
    [InlineData("zack(basis=best)")]
    [InlineData("kvheads(keep=0.3)")]
    [InlineData("kvheads(by=luck)")]
    [InlineData("kvheads(by=mean,ranks=spread)")]
    [InlineData("kvheads(rope=plane,ranks=spread)")]
    [InlineData("kvheads(heads=2,keep=0.25)")]
    [InlineData("kvheads(heads=4,ranks=even)")]
    [InlineData("kvheads(heads=3)")]
    [InlineData("pca(heads=0)")]
    [InlineData("pca(energy=0.9)+waterfill")]
    [InlineData("waterfill")]
    [InlineData("int4")]
    public void Of_WrongStages_NamesTheSpec(string spec) => Assert.Throws<CodecSpecException>(() => ProfileRecipe.Of(spec));

    [Theory]
    [InlineData("zack(energy=1)")]
    [InlineData("zack(energy=1,basis=kq)")]
    [InlineData("pca(heads=2,energy=1)")]
    public void Make_FullRank_LosesOnlyRounding(string spec)
    {
        Matrix<double> keys = Rows.Decaying(1, 800, 4 * Size, 0.97);
        LayerStatistics statistics = Statistics.Of(Geometry, 2, keys, Rows.Decaying(2, 800, 4 * Size, 0.97));

        foreach (GroupBasis group in Make(spec, statistics).Groups)
        {
            Assert.Equal(group.KvHeads.Count * Size, group.Key.Rank);
            Assert.InRange(Lost(statistics, statistics.Keys, group.KvHeads, group.Key), 0, 1e-4);
            Assert.InRange(Lost(statistics, statistics.Values, group.KvHeads, group.Value), 0, 1e-4);
        }
    }

    [Fact]
    public void Make_ZackWithMoreEnergy_LosesLess()
    {
        LayerStatistics statistics = Statistics.Of(Geometry, 1, Rows.Decaying(3, 800, 4 * Size), Rows.Decaying(4, 800, 4 * Size));
        double previous = 1;
        foreach (string energy in (string[])["0.5", "0.9", "0.99", "0.9999"])
        {
            LayerCalibration layer = Make($"zack(energy={energy})", statistics);
            double lost = layer.Groups.Average(group => Lost(statistics, statistics.Keys, group.KvHeads, group.Key));

            Assert.InRange(lost, 0, previous);
            Assert.All(layer.Groups, group => Assert.Equal(0, group.Key.Rank % 16));
            previous = lost;
        }

        Assert.InRange(previous, 0, 0.001);
    }

    [Fact]
    public void Make_ZackWithGroupedQueries_StacksTheKeysAndAllQueriesOfAHead()
    {
        var geometry = new KvGeometry(1, 1, Size);
        Matrix<double> keys = Rows.Decaying(5, 300, Size);
        Matrix<double> first = Rows.Decaying(6, 300, Size);
        Matrix<double> second = Rows.Decaying(7, 300, Size);
        LayerStatistics statistics = Statistics.Of(geometry, 1, keys, keys, first);
        statistics.Queries[0].Add(Rows.ToSingles(second), second.RowCount, Size);

        SideBasis made = new ZackBases(statistics, isJoint: false).Key(0, 16);

        Matrix<double> stack = keys.Stack(first).Stack(second);
        Matrix<double> expected = SymmetricEigen.Of(Rows.SecondMoment(stack)).Leading(16);
        (Matrix<double> map, _) = Rows.Maps(made, Size);
        Assert.InRange((map.TransposeAndMultiply(map) - expected.TransposeAndMultiply(expected)).FrobeniusNorm(), 0, 5e-3);
    }

    [Fact]
    public void Make_WaterFill_SpendsItsBitsOnTheLargestComponents()
    {
        LayerStatistics statistics = Statistics.Of(Geometry, 4, Rows.Decaying(12, 900, 4 * Size, 0.95), Rows.Decaying(13, 900, 4 * Size, 0.95));

        GroupBasis group = Make("pca(heads=4)+waterfill(keys=1,values=0.5)", statistics).Groups.Single();

        Assert.Equal(4 * Size, group.Key.Bits.Sum(bits => 16 * bits));
        Assert.Equal(2 * Size, group.Value.Bits.Sum(bits => 16 * bits));
        Assert.Equal(group.Key.Rank, 16 * group.Key.Bits.Length);
        Assert.Equal(group.Key.Bits.OrderDescending(), group.Key.Bits);
        Assert.True(group.Key.Rank < 4 * Size);
        Assert.Equal(4 * Size, group.Key.Mean.Length);
    }

    [Fact]
    public void Make_WaterFill_FoldsTheStepsIntoTheMaps()
    {
        Matrix<double> keys = Rows.Decaying(14, 900, 4 * Size, 0.95);
        LayerStatistics statistics = Statistics.Of(Geometry, 4, keys, keys);

        SideBasis basis = Make("pca(heads=4)+waterfill(keys=1,values=1,wide=2)", statistics).Groups.Single().Key;

        (Matrix<double> map, Matrix<double> inverse) = Rows.Maps(basis, 4 * Size);
        Matrix<double> identity = map.TransposeThisAndMultiply(inverse);
        Assert.InRange((identity - Matrix<double>.Build.DenseIdentity(basis.Rank)).Enumerate().Max(Math.Abs), 0, 1e-2);
        (GramMatrix gram, int[] elements) = statistics.Select(statistics.Keys, [0, 1, 2, 3]);
        Matrix<double> latent = map.TransposeThisAndMultiply(gram.Covariance(elements)) * map;
        for (int channel = 0; channel < basis.Rank; channel++)
        {
            double step = 2 * BitAllocation.Step(basis.Bits[channel / 16]);
            Assert.Equal(1, Math.Sqrt(latent[channel, channel]) * step, 0.02);
        }
    }

    private static LayerCalibration Make(string spec, LayerStatistics statistics) => ProfileRecipe.Of(spec).Make([statistics])[0];

    private static double Lost(LayerStatistics statistics, IReadOnlyList<GramMatrix> sets, IReadOnlyList<int> heads, SideBasis basis)
    {
        (GramMatrix gram, int[] elements) = statistics.Select(sets, heads);
        Matrix<double> moment = basis.Mean.Length > 0 ? gram.Covariance(elements) : gram.SecondMoment(elements);
        return ProjectionError.Of(moment, basis) / moment.Trace();
    }
}
