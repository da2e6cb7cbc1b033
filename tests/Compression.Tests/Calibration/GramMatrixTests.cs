using KvCluster.Compression.Calibration;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

public sealed class GramMatrixTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 3, 7)]
    [InlineData(16, 20, 64)]
    [InlineData(17, 17, 65)]
    [InlineData(48, 50, 200)]
    public void Add_AnyShape_EqualsTheNaiveSums(int size, int stride, int rowCount)
    {
        var random = new Random(size);
        float[] rows = [.. Enumerable.Range(0, rowCount * stride).Select(_ => random.NextSingle() - 0.3f)];
        var gram = new GramMatrix(size);
        int first = rowCount / 3;

        gram.Add(rows, first, stride);
        gram.Add(rows.AsSpan(first * stride), rowCount - first, stride);

        int[] all = [.. Enumerable.Range(0, size)];
        Matrix<double> moment = gram.SecondMoment(all);
        Matrix<double> covariance = gram.Covariance(all);
        double[] mean = gram.Mean(all);
        Assert.Equal(rowCount, gram.RowCount);
        for (int i = 0; i < size; i++)
        {
            Assert.Equal(Enumerable.Range(0, rowCount).Average(row => (double)rows[(row * stride) + i]), mean[i], 1e-12);
            for (int j = 0; j < size; j++)
            {
                double product = Enumerable.Range(0, rowCount).Average(row => (double)rows[(row * stride) + i] * rows[(row * stride) + j]);
                Assert.Equal(product, moment[i, j], 1e-12);
                Assert.Equal(product - (mean[i] * mean[j]), covariance[i, j], 1e-12);
            }
        }
    }

    [Fact]
    public void SecondMoment_OfSomeElements_IsThatPartOfTheWhole()
    {
        var gram = new GramMatrix(8);
        gram.Add(Rows.ToSingles(Rows.Decaying(1, 30, 8)), 30, 8);
        Matrix<double> whole = gram.SecondMoment([.. Enumerable.Range(0, 8)]);

        Matrix<double> part = gram.SecondMoment([6, 1]);

        Assert.Equal(whole[6, 6], part[0, 0]);
        Assert.Equal(whole[1, 6], part[0, 1]);
        Assert.Equal(whole[1, 1], part[1, 1]);
    }
}
