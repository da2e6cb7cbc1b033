using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

public sealed class ReflectionsTests
{
    [Theory]
    [InlineData(32, 16)]
    [InlineData(64, 16)]
    [InlineData(64, 48)]
    [InlineData(128, 112)]
    [InlineData(128, 128)]
    [InlineData(256, 64)]
    public void Of_LeadingDirections_LosesLittleMoreAndStoresLess(int channels, int rank)
    {
        Matrix<double> moment = Rows.SecondMoment(Rows.Decaying(channels + rank, 2 * channels, channels, 0.97));
        var eigen = SymmetricEigen.Of(moment);

        SideBasis basis = Bases.Subspace(eigen.Leading(rank));

        (Matrix<double> map, Matrix<double> inverse) = Rows.Maps(basis, channels);
        Assert.Equal(map, inverse);
        AssertOrthonormal(map);
        Assert.InRange(ProjectionError.Of(moment, basis), 0.99 * eigen.Tail(rank), eigen.Tail(rank) + (channels * Reflections.Unit * Reflections.Unit / 6 * moment.Trace()));
        int free = rank * (channels - rank);
        Assert.InRange(basis.Reflections!.Codes.Length, free, free + (Math.Min(rank, channels - rank) * rank / 2));
    }

    [Theory]
    [InlineData(16, 16, true)]
    [InlineData(16, 16, false)]
    [InlineData(32, 16, true)]
    [InlineData(48, 32, true)]
    [InlineData(48, 32, false)]
    public void Map_AnyCodes_IsTheProductOfTheReflections(int channels, int rank, bool onlySpan)
    {
        var random = new Random(rank);
        int count = onlySpan && 2 * rank > channels ? channels - rank : rank;
        var codes = new sbyte[Enumerable.Range(0, count).Sum(i => channels - 1 - i)];
        random.NextBytes((byte[])(object)codes);
        int dropped = onlySpan && 2 * rank > channels ? count : 0;
        Matrix<double> product = Matrix<double>.Build.DenseIdentity(channels);
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            var v = Vector<double>.Build.Dense(channels, j => j < i ? 0 : j == i ? 1 : codes[at + j - i - 1] * Reflections.Unit);
            product *= Matrix<double>.Build.DenseIdentity(channels) - (2 / v.DotProduct(v) * v.OuterProduct(v));
            at += channels - 1 - i;
        }

        Half[] map = Reflections.Of(channels, rank, codes).Map();

        Assert.Equal(codes.Length, at);
        Matrix<double> wanted = product.SubMatrix(0, channels, dropped, rank);
        var actual = Matrix<double>.Build.Dense(channels, rank, (i, j) => (double)map[(i * rank) + j]);
        Assert.InRange((wanted - actual).Enumerate().Max(Math.Abs), 0, 5e-4);
        AssertOrthonormal(actual);
    }

    [Theory]
    [InlineData("zack(energy=0.9)")]
    [InlineData("kvheads(keep=0.5)")]
    [InlineData("pca(heads=2)")]
    [InlineData("pca(heads=2)+waterfill(keys=2,values=1)")]
    public void Make_RecipeOfSubspaces_MapsAreWhatTheirCodesGive(string spec)
    {
        LayerStatistics statistics = Statistics.Of(new KvGeometry(1, 4, 32), 2, Rows.Decaying(31, 500, 128), Rows.Decaying(32, 500, 128));

        foreach (GroupBasis group in ProfileRecipe.Of(spec).Make([statistics])[0].Groups)
        {
            Assert.Equal(group.Key.Reflections?.Map(), group.Key.Map);
            Assert.Equal(group.Value.Reflections?.Map(), group.Value.Map);
        }
    }

    /// <summary>Files depend on it: v = (1, 64/64) exchanges the axes and their signs.</summary>
    [Fact]
    public void Map_CodeOf64_CountsForOne()
    {
        Assert.Equal([(Half)0, (Half)(-1)], Reflections.Of(2, 1, [64]).Map());
    }

    [Fact]
    public void Of_ItsOwnCodes_IsTheSameMap()
    {
        var reflections = Reflections.Of(SymmetricEigen.Of(Rows.SecondMoment(Rows.Decaying(3, 200, 64))).Leading(32), onlySpan: true);

        var read = Reflections.Of(64, 32, reflections.Codes);

        Assert.Equal(reflections.Map(), read.Map());
        Assert.Throws<ArgumentException>(() => Reflections.Of(64, 32, reflections.Codes[1..]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Reflections.Of(64, 65, reflections.Codes));
    }

    [Theory]
    [InlineData(64, 16)]
    [InlineData(128, 112)]
    [InlineData(64, 64)]
    public void Of_Axes_KeepsEachToWithinItsSign(int channels, int rank)
    {
        Matrix<double> axes = SymmetricEigen.Of(Rows.SecondMoment(Rows.Decaying(channels, 2 * channels, channels, 0.97))).Leading(rank);

        Half[] map = Reflections.Of(axes, onlySpan: false).Map();

        var actual = Matrix<double>.Build.Dense(channels, rank, (i, j) => (double)map[(i * rank) + j]);
        AssertOrthonormal(actual);
        for (int column = 0; column < rank; column++)
        {
            Assert.InRange(Math.Abs(actual.Column(column).DotProduct(axes.Column(column))), 1 - (channels * Reflections.Unit * Reflections.Unit / 6), 1.001);
        }
    }

    /// <summary>To 16 bits an element.</summary>
    private static void AssertOrthonormal(Matrix<double> columns)
    {
        Matrix<double> product = columns.TransposeThisAndMultiply(columns) - Matrix<double>.Build.DenseIdentity(columns.ColumnCount);
        Assert.InRange(product.Enumerate().Max(Math.Abs), 0, 1e-3);
    }
}
