using KvCluster.Compression.Codecs;
using KvCluster.Compression.Residual;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Residual;

/// <summary>papers.md 3.6: what the low rank of GEAR must satisfy.</summary>
public sealed unsafe class PowerIterationTests
{
    [Theory]
    [InlineData(64, 64)]
    [InlineData(48, 64)]
    [InlineData(64, 32)]
    [InlineData(128, 64)]
    public void Fit_FullRank_IsTheIdentity(int rowCount, int columnCount)
    {
        float[] error = Residual(rowCount, columnCount, seed: 1);
        (float[] left, float[] right) = Fit(error, rowCount, columnCount, Math.Min(rowCount, columnCount));
        float[] product = Product(left, right, rowCount, columnCount);
        Assert.InRange(Residuals.Distance(error, product), 0, 2e-6 * Norm(error));
    }

    [Theory]
    [InlineData(64, 64, 1)]
    [InlineData(64, 64, 4)]
    [InlineData(48, 64, 7)]
    [InlineData(64, 96, 16)]
    public void Fit_AnyRank_LeavesTheEnergyOutsideItsSpan(int rowCount, int columnCount, int rank)
    {
        float[] error = Residual(rowCount, columnCount, seed: 2);
        (float[] left, float[] right) = Fit(error, rowCount, columnCount, rank);
        double left2 = Math.Pow(Residuals.Distance(error, Product(left, right, rowCount, columnCount)), 2);
        Matrix<double> q = ToMatrix(left, rank, rowCount);
        Matrix<double> e = ToMatrix(error, rowCount, columnCount);
        Assert.InRange(Math.Abs(left2 - (Square(e) - Square(q * e))), 0, 1e-5 * Square(e));
        Assert.InRange(Square((q * q.Transpose()) - Matrix<double>.Build.DenseIdentity(rank)), 0, 1e-9);
    }

    [Theory]
    [InlineData(64, 64, 2)]
    [InlineData(64, 64, 4)]
    [InlineData(64, 64, 12)]
    [InlineData(48, 64, 4)]
    public void Fit_QuantiserResidual_IsWithin15PercentOfSvd(int rowCount, int columnCount, int rank)
    {
        for (int seed = 0; seed < 4; seed++)
        {
            float[] error = Residual(rowCount, columnCount, seed);
            (float[] left, float[] right) = Fit(error, rowCount, columnCount, rank);
            double found = Residuals.Distance(error, Product(left, right, rowCount, columnCount));
            double best = Math.Sqrt(ToMatrix(error, rowCount, columnCount).Svd(false).S.Skip(rank).Sum(value => value * value));
            Assert.InRange(found, best * 0.9999, best * 1.15);
        }
    }

    [Fact]
    public void Fit_ErrorOfLowerRank_HasRowsOfZeros()
    {
        float[] error = new float[64 * 64];
        for (int i = 0; i < error.Length; i++)
        {
            error[i] = (1 + (i / 64)) * ((i % 64) - 20);
        }

        (float[] left, float[] right) = Fit(error, 64, 64, 3);
        Assert.All(left.AsSpan(64).ToArray(), value => Assert.Equal(0, value));
        Assert.InRange(Residuals.Distance(error, Product(left, right, 64, 64)), 0, 1e-5 * Norm(error));
        (left, right) = Fit(new float[64 * 64], 64, 64, 3);
        Assert.All(left, value => Assert.Equal(0, value));
        Assert.All(right, value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(16)]
    [InlineData(64)]
    [InlineData(96)]
    public void RowSums_FourAtATime_AreThoseOfOne(int columnCount)
    {
        float[] matrix = Residual(64, columnCount, 9);
        float[] sums = new float[64];
        fixed (float* m = matrix, s = sums)
        {
            RowSums.Write(m, 64, columnCount, s);
        }

        Assert.Equal(Enumerable.Range(0, 64).Select(row => Quantization.Sums.Of(matrix[(row * columnCount)..((row + 1) * columnCount)])), sums);
    }

    /// <summary>What a 2-bit quantiser loses of K-like data.</summary>
    private static float[] Residual(int rowCount, int columnCount, int seed)
    {
        float[] source = Residuals.Realistic(new LatentShape([(Math.Max(rowCount, columnCount), 16)]), seed);
        float[] error = new float[rowCount * columnCount];
        for (int row = 0; row < rowCount; row++)
        {
            ReadOnlySpan<float> values = source.AsSpan((row * columnCount) % (source.Length - columnCount), columnCount);
            float low = TensorMin(values);
            float step = (TensorMax(values) - low) / 3;
            for (int i = 0; i < columnCount; i++)
            {
                error[(row * columnCount) + i] = values[i] - (low + (step * MathF.Round((values[i] - low) / step)));
            }
        }

        return error;
    }

    private static float TensorMin(ReadOnlySpan<float> values) => values.ToArray().Min();

    private static float TensorMax(ReadOnlySpan<float> values) => values.ToArray().Max();

    private static (float[] Left, float[] Right) Fit(float[] error, int rowCount, int columnCount, int rank)
    {
        float[] left = new float[rank * rowCount];
        float[] right = StartVectors.Make(0, rank * columnCount);
        fixed (float* e = error, l = left, r = right)
        {
            PowerIteration.Fit(e, rowCount, columnCount, rank, l, r);
        }

        return (left, right);
    }

    private static float[] Product(float[] left, float[] right, int rowCount, int columnCount)
    {
        Matrix<double> product = ToMatrix(left, left.Length / rowCount, rowCount).Transpose() * ToMatrix(right, right.Length / columnCount, columnCount);
        return [.. product.ToRowMajorArray().Select(value => (float)value)];
    }

    private static Matrix<double> ToMatrix(float[] values, int rowCount, int columnCount) =>
        Matrix<double>.Build.DenseOfRowMajor(rowCount, columnCount, values.Select(value => (double)value));

    private static double Square(Matrix<double> matrix) => matrix.Enumerate().Sum(value => value * value);

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));
}
