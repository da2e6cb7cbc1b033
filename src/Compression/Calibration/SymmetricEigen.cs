using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>Eigenvalues of a symmetric positive semidefinite matrix, greatest first, and their orthonormal vectors as columns.</summary>
public sealed class SymmetricEigen
{
    private SymmetricEigen(double[] values, Matrix<double> vectors)
    {
        Values = values;
        Vectors = vectors;
    }

    /// <summary>None below zero.</summary>
    public IReadOnlyList<double> Values { get; }

    /// <summary>[n][n]; column i belongs to value i.</summary>
    public Matrix<double> Vectors { get; }

    public static SymmetricEigen Of(Matrix<double> matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        var evd = matrix.Evd(Symmetricity.Symmetric);
        int size = matrix.RowCount;
        int[] order = [.. Enumerable.Range(0, size).OrderByDescending(i => evd.EigenValues[i].Real)];
        var vectors = Matrix<double>.Build.Dense(size, size);
        for (int column = 0; column < size; column++)
        {
            vectors.SetColumn(column, evd.EigenVectors.Column(order[column]));
        }

        return new SymmetricEigen([.. order.Select(i => Math.Max(0, evd.EigenValues[i].Real))], vectors);
    }

    /// <summary>The first vectors, as columns.</summary>
    public Matrix<double> Leading(int count) => Vectors.SubMatrix(0, Vectors.RowCount, 0, count);

    /// <summary>Energy outside of the first <paramref name="rank"/> vectors: the squared error of projecting on them.</summary>
    public double Tail(int rank) => Values.Skip(rank).Sum();
}
