using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>Mean and principal components of a group's keys or values.</summary>
/// <param name="Eigen">Of the covariance.</param>
/// <param name="Mean">By channel.</param>
internal sealed record PrincipalComponents(SymmetricEigen Eigen, float[] Mean)
{
    public static PrincipalComponents Of(LayerStatistics statistics, IReadOnlyList<GramMatrix> sets, int[] heads)
    {
        (GramMatrix gram, int[] elements) = statistics.Select(sets, heads);
        return new PrincipalComponents(SymmetricEigen.Of(gram.Covariance(elements)), [.. gram.Mean(elements).Select(value => (float)value)]);
    }

    /// <summary>What the leading components span, and the mean in 8 bits an element: only what of it lies outside of that span is used.</summary>
    public SideBasis Leading(int rank)
    {
        SideBasis basis = Bases.Subspace(Eigen.Leading(rank));
        return new SideBasis { Rank = rank, Map = basis.Map, Reflections = basis.Reflections, Mean = CoarseMean() };
    }

    /// <summary>The variance along each column of a map: of components that were rounded, a little of their neighbours' too.</summary>
    public double[] Variances(Half[] map, int rank)
    {
        var columns = Matrix<double>.Build.Dense(Mean.Length, rank, (i, j) => (double)map[(i * rank) + j]);
        Matrix<double> shares = Eigen.Vectors.TransposeThisAndMultiply(columns);
        return [.. shares.EnumerateColumns().Select(column => column.Select((share, i) => share * share * Eigen.Values[i]).Sum())];
    }

    private float[] CoarseMean()
    {
        float unit = Bases.CoarseUnit(Mean.Max(MathF.Abs), 127);
        return [.. Mean.Select(value => Math.Clamp(MathF.Round(value / unit), -127, 127) * unit)];
    }
}
