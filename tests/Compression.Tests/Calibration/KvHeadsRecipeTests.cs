using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

/// <summary>The checks of papers.md 4.6, and how ranks are spread where the paper has one for all.</summary>
public sealed class KvHeadsRecipeTests
{
    private const int Size = 32;
    private static readonly KvGeometry Geometry = new(1, 4, Size);

    [Fact]
    public void Make_KvHeadsOfDuplicates_MergesWithoutLoss()
    {
        Matrix<double> half = Rows.Decaying(8, 500, 2 * Size, 0.98);
        Matrix<double> doubled = Matrix<double>.Build.Dense(500, 4 * Size, (row, column) =>
            half[row, (column / (2 * Size) * Size) + (column % Size)]);
        LayerStatistics statistics = Statistics.Of(Geometry, 2, doubled, doubled);

        foreach (GroupBasis group in Make("kvheads(ranks=even)", statistics).Groups)
        {
            Assert.Equal(Size, group.Key.Rank);
            Assert.InRange(Lost(statistics, statistics.Keys, group.KvHeads, group.Key), 0, 1e-5);
        }
    }

    [Fact]
    public void Make_KvHeadsBySimilarity_FindsTheDuplicates()
    {
        Matrix<double> half = Rows.Decaying(9, 500, 2 * Size, 0.98);
        Matrix<double> interleaved = Matrix<double>.Build.Dense(500, 4 * Size, (row, column) => half[row, column % (2 * Size)]);
        LayerStatistics statistics = Statistics.Of(Geometry, 4, interleaved, interleaved);

        LayerCalibration layer = Make("kvheads(groups=similar,keep=0.5)", statistics);

        Assert.Equal([0, 2], layer.Groups[0].KvHeads);
        Assert.Equal([1, 3], layer.Groups[1].KvHeads);
    }

    [Fact]
    public void Make_KvHeads_ActivationsBeatWeightsAndWeightsBeatTheMean()
    {
        var random = new Random(10);
        Matrix<double> weights = Rows.Decaying(11, 40, 4 * Size, 0.98);
        Matrix<double> inputs = Rows.Normal(random, 600, 40);
        inputs.MapIndexedInplace((_, column, value) => value * (1 + (column % 3)));
        Matrix<double> values = inputs * weights;
        LayerStatistics seen = Statistics.Of(Geometry, 2, values, values);
        var statistics = new LayerStatistics(Geometry, 2)
        {
            Outputs = seen.Outputs,
            KeyWeights = weights.TransposeThisAndMultiply(weights),
            ValueWeights = weights.TransposeThisAndMultiply(weights),
        };
        for (int set = 0; set < 2; set++)
        {
            statistics.Keys[set].Add(Rows.ToSingles(values).AsSpan(set * 2 * Size), values.RowCount, values.ColumnCount);
            statistics.Values[set].Add(Rows.ToSingles(values).AsSpan(set * 2 * Size), values.RowCount, values.ColumnCount);
        }

        double[] lost = [.. new[] { "activations", "weights", "mean" }.Select(by => Make($"kvheads(by={by},ranks=even)", statistics).Groups
            .Average(group => Lost(statistics, statistics.Values, group.KvHeads, group.Value)))];

        Assert.True(lost[0] < lost[1] && lost[1] < lost[2], string.Join(", ", lost));
    }

    [Fact]
    public void Make_EvenRanks_IsThePapersFormAndSpreadRanksAreNot()
    {
        LayerStatistics statistics = Unequal(2, 21);

        foreach (GroupBasis group in Make("kvheads(ranks=even)", statistics).Groups)
        {
            (SideBasis Side, IReadOnlyList<GramMatrix> Sets)[] sides = [(group.Key, statistics.Keys), (group.Value, statistics.Values)];
            foreach ((SideBasis side, IReadOnlyList<GramMatrix> sets) in sides)
            {
                (GramMatrix gram, int[] elements) = statistics.Select(sets, group.KvHeads);
                Assert.Equal(Size, side.Rank);
                Assert.Empty(side.Mean);
                Assert.Equal(Bases.Round(SymmetricEigen.Of(gram.SecondMoment(elements)).Leading(Size)), side.Map);
            }
        }

        LayerCalibration spread = Make("kvheads", statistics);
        Assert.True(spread.Groups.Sum(group => group.Key.Rank) > spread.Groups.Sum(group => group.Value.Rank));
        Assert.True(spread.Groups.Select(group => group.Key.Rank).Distinct().Count() > 1);
        Assert.All(spread.Groups, group => Assert.Equal(2 * Size, group.Key.Mean.Length));
    }

    [Theory]
    [InlineData("kvheads", 0.5)]
    [InlineData("kvheads(heads=4)", 0.5)]
    [InlineData("kvheads(keep=0.25)", 0.25)]
    public void Make_SpreadRanks_SlabsTakeTheirShareOfBytesWithHeaders(string spec, double keep)
    {
        LayerStatistics[] layers = [Unequal(4, 22), Unequal(4, 23), Unequal(4, 24)];

        IReadOnlyList<LayerCalibration> made = ProfileRecipe.Of(spec).Make(layers);

        const int token = KvGeometry.BlockTokenCount * sizeof(ushort);
        int sizeBytes = made.Sum(layer => Slab.HeaderSizeBytes + (token * layer.Groups.Sum(group => group.Key.Rank + group.Value.Rank)));
        double budgetBytes = keep * layers.Length * 2 * 4 * Size * token;
        Assert.InRange(sizeBytes, budgetBytes - (Ranks.Step * token), budgetBytes);
        Assert.All(made.SelectMany(layer => layer.Groups), group => Assert.True(
            group.Key.Rank >= Ranks.Step && group.Value.Rank >= Ranks.Step && group.Key.Rank % Ranks.Step == 0 && group.Value.Rank % Ranks.Step == 0));
    }

    [Fact]
    public void Make_SpreadRanks_LoseLessThanEvenRanksAndThanTheMean()
    {
        // One unit of the even budget pays for the headers, so the even ranks have the advantage.
        LayerStatistics[] layers = [Unequal(2, 25), Unequal(2, 26)];

        double[] lost = [.. new[] { "ranks=spread", "ranks=even", "by=mean" }.Select(way => Loss(layers, ProfileRecipe.Of($"kvheads({way})").Make(layers)))];

        Assert.True(lost[0] < lost[1] && lost[1] < lost[2], string.Join(", ", lost));
    }

    /// <summary>The objective: shares of each layer's variance, K's times their weight.</summary>
    private static double Loss(LayerStatistics[] layers, IReadOnlyList<LayerCalibration> made)
    {
        double loss = 0;
        for (int layer = 0; layer < layers.Length; layer++)
        {
            LayerStatistics seen = layers[layer];
            loss += SpreadRanks.KeyWeight * Share(seen, seen.Keys, made[layer].Groups, group => group.Key);
            loss += Share(seen, seen.Values, made[layer].Groups, group => group.Value);
        }

        return loss;
    }

    private static double Share(
        LayerStatistics statistics, IReadOnlyList<GramMatrix> sets, IReadOnlyList<GroupBasis> groups, Func<GroupBasis, SideBasis> side)
    {
        double lost = 0;
        double total = 0;
        foreach (GroupBasis group in groups)
        {
            (GramMatrix gram, int[] elements) = statistics.Select(sets, group.KvHeads);
            lost += ProjectionError.Of(side(group).Mean.Length > 0 ? gram.Covariance(elements) : gram.SecondMoment(elements), side(group));
            total += gram.Covariance(elements).Trace();
        }

        return lost / total;
    }

    /// <summary>Keys of a flat spectrum in the first pair of heads and a steep one in the second; values of steep ones.</summary>
    private static LayerStatistics Unequal(int headsPerSet, int seed)
    {
        Matrix<double> keys = Rows.Decaying(seed, 600, 2 * Size, 0.985).Append(Rows.Decaying(seed + 100, 600, 2 * Size, 0.93));
        Matrix<double> values = Rows.Decaying(seed + 200, 600, 2 * Size, 0.95).Append(Rows.Decaying(seed + 300, 600, 2 * Size, 0.95));
        return Statistics.Of(Geometry, headsPerSet, keys, values);
    }

    private static LayerCalibration Make(string spec, LayerStatistics statistics) => ProfileRecipe.Of(spec).Make([statistics])[0];

    private static double Lost(LayerStatistics statistics, IReadOnlyList<GramMatrix> sets, IReadOnlyList<int> heads, SideBasis basis)
    {
        (GramMatrix gram, int[] elements) = statistics.Select(sets, heads);
        Matrix<double> moment = basis.Mean.Length > 0 ? gram.Covariance(elements) : gram.SecondMoment(elements);
        return ProjectionError.Of(moment, basis) / moment.Trace();
    }
}
