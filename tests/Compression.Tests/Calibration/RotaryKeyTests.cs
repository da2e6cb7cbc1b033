using KvCluster.Compression.Calibration;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

/// <summary>What RoPE allows (papers.md 1.2, 1.9 and 4.6).</summary>
public sealed class RotaryKeyTests
{
    private const int Size = 32;

    [Fact]
    public void Basis_AppliedAfterRotation_KeepsScoresThatItLosesBeforeRotation()
    {
        Matrix<double> keys = Rows.Decaying(1, 600, Size, 0.7);
        Matrix<double> queries = Rows.Decaying(2, 600, Size, 0.7);
        Matrix<double> turnedKeys = Turn(keys);
        Matrix<double> turnedQueries = Turn(queries);
        Matrix<double> scores = turnedQueries.TransposeAndMultiply(turnedKeys);
        Matrix<double> after = SymmetricEigen.Of(Rows.SecondMoment(turnedKeys) + Rows.SecondMoment(turnedQueries)).Leading(16);
        Matrix<double> before = SymmetricEigen.Of(Rows.SecondMoment(keys) + Rows.SecondMoment(queries)).Leading(16);

        Matrix<double> latent = (turnedQueries * after).TransposeAndMultiply(turnedKeys * after);
        Matrix<double> throughBasis = (turnedQueries * after).TransposeAndMultiply(after) * turnedKeys.Transpose();
        Matrix<double> folded = (turnedQueries * before).TransposeAndMultiply(turnedKeys * before);
        Matrix<double> foldedAsIfFree = Turn((queries * before).TransposeAndMultiply(before)).TransposeAndMultiply(Turn((keys * before).TransposeAndMultiply(before)));

        Assert.InRange(Relative(latent, throughBasis), 0, 1e-12);
        Assert.True(Relative(folded, foldedAsIfFree) > 0.05, "A basis that is folded in before RoPE must not pass for one that is applied after it.");
        Assert.True(Relative(scores, latent) < 1);
    }

    [Fact]
    public void PlaneMerge_OfTurnedKeys_CommutesWithTheRotation()
    {
        SideBasis merged = PlaneMerge.Of(Rows.SecondMoment(Turn(Rows.Decaying(3, 500, 2 * Size))), Size);
        SideBasis mixed = Bases.Orthonormal(SymmetricEigen.Of(Rows.SecondMoment(Turn(Rows.Decaying(3, 500, 2 * Size)))).Leading(Size));
        var random = new Random(4);
        Vector<double> query = Rows.Normal(random, 1, Size).Row(0);
        Vector<double> key = Rows.Normal(random, 1, 2 * Size).Row(0);

        double[] scores = [.. Enumerable.Range(0, 5).Select(shift => Score(merged, query, 40 + (100 * shift), key, 11 + (100 * shift)))];
        double[] others = [.. Enumerable.Range(0, 5).Select(shift => Score(mixed, query, 40 + (100 * shift), key, 11 + (100 * shift)))];

        Assert.All(scores, score => Assert.Equal(scores[0], score, 0.02));
        Assert.True(others.Max() - others.Min() > 0.2, "A basis that mixes planes depends on positions, not on their distance alone.");
    }

    [Fact]
    public void PlaneMerge_OfOneHead_KeepsItsScores()
    {
        Matrix<double> keys = Turn(Rows.Decaying(5, 200, Size));
        (Matrix<double> map, Matrix<double> inverse) = Rows.Maps(PlaneMerge.Of(Rows.SecondMoment(keys), Size), Size);

        Assert.InRange(Relative(keys, (keys * map).TransposeAndMultiply(inverse)), 0, 1e-3);
    }

    [Fact]
    public void OverAllPositions_OfUnturnedKeys_IsTheMomentOfKeysAtAllPositions()
    {
        // Whole turns of different frequencies, so that the average over these positions is exact.
        const int PositionCount = 128;
        Matrix<double> rows = Rows.Decaying(6, 40, 2 * Size);
        Matrix<double> moment = rows.TransposeThisAndMultiply(rows);
        var average = Matrix<double>.Build.Dense(2 * Size, 2 * Size);
        for (int position = 0; position < PositionCount; position++)
        {
            int at = position;
            var turned = Matrix<double>.Build.DenseOfRowVectors(
                rows.EnumerateRows().Select(row => Rotation.Turn(row, Size, at, plane => Math.Tau * (plane + 1) / PositionCount)));
            average += turned.TransposeThisAndMultiply(turned) / PositionCount;
        }

        Assert.InRange(Relative(average, PlaneMerge.OverAllPositions(moment, Size)), 0, 1e-9);
    }

    private static Matrix<double> Turn(Matrix<double> rows) => Rotation.Turn(rows, Size, plane => Rotation.Standard(plane, Size));

    private static double Relative(Matrix<double> expected, Matrix<double> actual) => (expected - actual).FrobeniusNorm() / expected.FrobeniusNorm();

    /// <summary>The score of a query of the first head.</summary>
    private static double Score(SideBasis basis, Vector<double> query, int queryPosition, Vector<double> keys, int keyPosition)
    {
        (Matrix<double> map, Matrix<double> inverse) = Rows.Maps(basis, 2 * Size);
        Vector<double> q = Rotation.Turn(query, Size, queryPosition, plane => Rotation.Standard(plane, Size));
        Vector<double> k = Rotation.Turn(keys, Size, keyPosition, plane => Rotation.Standard(plane, Size));
        return (q * inverse.SubMatrix(0, Size, 0, basis.Rank)) * (k * map);
    }
}
