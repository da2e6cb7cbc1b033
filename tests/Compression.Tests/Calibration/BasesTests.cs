using KvCluster.Compression.Calibration;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

/// <summary>The checks of papers.md 1.9 on bases.</summary>
public sealed class BasesTests
{
    private const int Size = 64;

    [Fact]
    public void SymmetricEigen_AnyMoment_IsOrthonormalAndFalling()
    {
        var eigen = SymmetricEigen.Of(Rows.SecondMoment(Rows.Decaying(1, 500, Size)));

        Matrix<double> product = eigen.Vectors.TransposeThisAndMultiply(eigen.Vectors) - Matrix<double>.Build.DenseIdentity(Size);
        Assert.InRange(product.Enumerate().Max(Math.Abs), 0, 1e-10);
        Assert.Equal(eigen.Values.OrderDescending(), eigen.Values);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(48)]
    public void Leading_OfStackedRows_LosesTheTailOfTheEigenvalues(int rank)
    {
        Matrix<double> rows = Rows.Decaying(2, 400, Size);
        var eigen = SymmetricEigen.Of(rows.TransposeThisAndMultiply(rows));
        Matrix<double> basis = eigen.Leading(rank);

        double lost = Rows.Square(rows - (rows * basis).TransposeAndMultiply(basis));

        Assert.Equal(1, lost / eigen.Tail(rank), 1e-6);
    }

    [Fact]
    public void Joint_FullRank_KeepsEveryProduct()
    {
        Matrix<double> keys = Rows.Decaying(3, 300, Size);
        Matrix<double> queries = Rows.Decaying(4, 200, Size);

        JointBasis basis = Bases.Joint(Rows.SecondMoment(keys), Rows.SecondMoment(queries));

        Matrix<double> lost = basis.Map.TransposeAndMultiply(basis.Inverse) - Matrix<double>.Build.DenseIdentity(Size);
        Assert.InRange(lost.Enumerate().Max(Math.Abs), 0, 1e-6);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(48)]
    public void Joint_OfKeysAndQueries_HasNoLargerScoreErrorThanStacked(int rank)
    {
        Matrix<double> keys = Rows.Decaying(5, 300, Size);
        Matrix<double> queries = Rows.Decaying(6, 300, Size, 0.95);
        Matrix<double> keyMoment = keys.TransposeThisAndMultiply(keys);
        Matrix<double> queryMoment = queries.TransposeThisAndMultiply(queries);
        Matrix<double> stacked = SymmetricEigen.Of(keyMoment + queryMoment).Leading(rank);
        JointBasis joint = Bases.Joint(keyMoment, queryMoment);

        double stackedError = ScoreError(queries, keys, stacked, stacked);
        double jointError = ScoreError(
            queries, keys, joint.Inverse.SubMatrix(0, Size, 0, rank), joint.Map.SubMatrix(0, Size, 0, rank));

        Assert.InRange(jointError, 0, stackedError);
        Assert.Equal(1, jointError / joint.Energies.Skip(rank).Sum(), 1e-4);
    }

    [Fact]
    public void ProjectionError_OfAMoment_IsTheErrorOfItsRows()
    {
        Matrix<double> rows = Rows.Decaying(7, 300, Size);
        SideBasis basis = Bases.Orthonormal(SymmetricEigen.Of(Rows.SecondMoment(rows)).Leading(32));
        (Matrix<double> map, Matrix<double> inverse) = Rows.Maps(basis, Size);

        double lost = Rows.Square(rows - (rows * map).TransposeAndMultiply(inverse)) / rows.RowCount;

        Assert.Equal(1, ProjectionError.Of(Rows.SecondMoment(rows), basis) / lost, 1e-9);
    }

    [Fact]
    public void OutputFold_OfValues_IsTheSameAsMappingBack()
    {
        var random = new Random(8);
        Matrix<double> x = Rows.Normal(random, 40, 96);
        Matrix<double> values = Rows.Normal(random, 96, Size);
        Matrix<double> outputs = Rows.Normal(random, Size, 96);
        Matrix<double> basis = SymmetricEigen.Of(Rows.SecondMoment(x * values)).Leading(32);

        Matrix<double> mappedBack = (x * values * basis).TransposeAndMultiply(basis) * outputs;
        Matrix<double> folded = x * (values * basis) * basis.TransposeThisAndMultiply(outputs);

        Assert.InRange((mappedBack - folded).FrobeniusNorm() / mappedBack.FrobeniusNorm(), 0, 1e-12);
    }

    private static double ScoreError(Matrix<double> queries, Matrix<double> keys, Matrix<double> queryMap, Matrix<double> keyMap) =>
        Rows.Square(queries.TransposeAndMultiply(keys) - (queries * queryMap).TransposeAndMultiply(keys * keyMap));
}
