using KvCluster.Compression.Calibration;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

/// <summary>Random rows whose energy falls from direction to direction, in no axis' favour.</summary>
internal static class Rows
{
    /// <summary>[count][size]; direction i has a standard deviation of decay^i.</summary>
    public static Matrix<double> Decaying(int seed, int count, int size, double decay = 0.9)
    {
        var random = new Random(seed);
        Matrix<double> turn = Normal(random, size, size).QR().Q;
        Matrix<double> rows = Normal(random, count, size);
        rows.MapIndexedInplace((_, column, value) => value * Math.Pow(decay, column));
        return rows * turn.Transpose();
    }

    public static Matrix<double> Normal(Random random, int rowCount, int columnCount) =>
        Matrix<double>.Build.Dense(rowCount, columnCount, (_, _) =>
            Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble()));

    public static float[] ToSingles(Matrix<double> rows) => [.. rows.ToRowMajorArray().Select(value => (float)value)];

    /// <summary>As the statistics see it.</summary>
    public static Matrix<double> SecondMoment(Matrix<double> rows) => rows.TransposeThisAndMultiply(rows) / rows.RowCount;

    public static (Matrix<double> Map, Matrix<double> Inverse) Maps(SideBasis basis, int channels)
    {
        float[] map = basis.UsedMap();
        float[] inverse = basis.UsedInverse();
        return (
            Matrix<double>.Build.Dense(channels, basis.Rank, (i, j) => map[(i * basis.Rank) + j]),
            Matrix<double>.Build.Dense(channels, basis.Rank, (i, j) => inverse[(i * basis.Rank) + j]));
    }

    public static double Square(Matrix<double> matrix) => Math.Pow(matrix.FrobeniusNorm(), 2);
}
