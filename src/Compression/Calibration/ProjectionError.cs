using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>What a projection loses, from a second moment alone.</summary>
public static class ProjectionError
{
    /// <summary>Mean of ‖x − x·A·Bᵀ‖² = tr((I − A·Bᵀ)ᵀ·S·(I − A·Bᵀ)), A the map and B its inverse.</summary>
    public static double Of(Matrix<double> moment, SideBasis basis)
    {
        ArgumentNullException.ThrowIfNull(moment);
        ArgumentNullException.ThrowIfNull(basis);
        int channels = moment.RowCount;
        float[] map = basis.UsedMap();
        float[] inverse = basis.UsedInverse();
        var a = Matrix<double>.Build.Dense(channels, basis.Rank, (i, j) => map[(i * basis.Rank) + j]);
        var b = Matrix<double>.Build.Dense(channels, basis.Rank, (i, j) => inverse[(i * basis.Rank) + j]);
        Matrix<double> lost = Matrix<double>.Build.DenseIdentity(channels) - a.TransposeAndMultiply(b);
        return lost.TransposeThisAndMultiply(moment).PointwiseMultiply(lost.Transpose()).RowSums().Sum();
    }
}
