using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>Maps for every rank at once: the first r columns are those of rank r.</summary>
/// <param name="Map">A, [d][d].</param>
/// <param name="Inverse">B, [d][d].</param>
/// <param name="Energies">Squared singular values, falling: what each column adds to the products.</param>
public sealed record JointBasis(Matrix<double> Map, Matrix<double> Inverse, IReadOnlyList<double> Energies)
{
    public SideBasis Leading(int rank) =>
        Bases.Pair(Map.SubMatrix(0, Map.RowCount, 0, rank), Inverse.SubMatrix(0, Inverse.RowCount, 0, rank));
}
