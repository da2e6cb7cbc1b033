using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>The bases of one layer's KV heads for every rank (papers.md 1.1 and 1.3).</summary>
public sealed class ZackBases
{
    private readonly JointBasis[] _keys;
    private readonly JointBasis[] _values;
    private readonly bool _isJoint;

    /// <param name="statistics">Heads need not have been observed together.</param>
    /// <param name="isJoint">Queries and keys have maps of their own, as have values and outputs.</param>
    public ZackBases(LayerStatistics statistics, bool isJoint)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        _isJoint = isJoint;
        int count = statistics.Geometry.KvHeadCount;
        _keys = new JointBasis[count];
        _values = new JointBasis[count];
        for (int head = 0; head < count; head++)
        {
            Matrix<double> keys = Moment(statistics, statistics.Keys, head);
            Matrix<double> values = Moment(statistics, statistics.Values, head);
            GramMatrix queries = statistics.Queries[head];
            int[] all = [.. Enumerable.Range(0, queries.Size)];

            // One row of keys comes with a row of queries of each query head of the group.
            double queryRows = statistics.Keys[0].RowCount == 0 ? 1 : (double)queries.RowCount / statistics.Keys[0].RowCount;
            _keys[head] = Basis(keys, queries.SecondMoment(all) * queryRows);
            _values[head] = Basis(Normalised(values), Normalised(statistics.Outputs[head]));
        }
    }

    public int HeadCount => _keys.Length;

    /// <summary>By head: energies of the directions of K and its queries, falling.</summary>
    public IReadOnlyList<IReadOnlyList<double>> KeyEnergies => [.. _keys.Select(basis => basis.Energies)];

    /// <summary>By head: energies of the directions of V and its outputs, falling.</summary>
    public IReadOnlyList<IReadOnlyList<double>> ValueEnergies => [.. _values.Select(basis => basis.Energies)];

    public IReadOnlyList<HeadRanks> RanksForEnergy(double energy) =>
        [.. Enumerable.Range(0, HeadCount).Select(head => new HeadRanks(
            Ranks.ForEnergy(_keys[head].Energies, energy), Ranks.ForEnergy(_values[head].Energies, energy)))];

    /// <summary>As a Profile stores them: orthonormal ones as <see cref="Bases.Subspace"/>.</summary>
    public LayerCalibration Make(IReadOnlyList<HeadRanks> ranks) => new(
        [.. ranks.Select((rank, head) => new GroupBasis([head], Stored(_keys[head], rank.Key), Stored(_values[head], rank.Value)))],
        KeyEnergies,
        ValueEnergies);

    /// <summary>The leading directions themselves.</summary>
    public SideBasis Key(int head, int rank) => Side(_keys[head], rank);

    public SideBasis Value(int head, int rank) => Side(_values[head], rank);

    private SideBasis Side(JointBasis basis, int rank) =>
        _isJoint ? basis.Leading(rank) : Bases.Orthonormal(basis.Map.SubMatrix(0, basis.Map.RowCount, 0, rank));

    private SideBasis Stored(JointBasis basis, int rank) =>
        _isJoint ? basis.Leading(rank) : Bases.Subspace(basis.Map.SubMatrix(0, basis.Map.RowCount, 0, rank));

    private JointBasis Basis(Matrix<double> x, Matrix<double> y)
    {
        if (_isJoint)
        {
            return Bases.Joint(x, y);
        }

        var eigen = SymmetricEigen.Of(x + y);
        return new JointBasis(eigen.Vectors, eigen.Vectors, eigen.Values);
    }

    /// <summary>Rows of V and of W_O have no common unit; both count the same.</summary>
    private static Matrix<double> Normalised(Matrix<double> moment) => moment / Math.Max(moment.Trace(), double.Epsilon);

    private static Matrix<double> Moment(LayerStatistics statistics, IReadOnlyList<GramMatrix> sets, int head)
    {
        (GramMatrix gram, int[] elements) = statistics.Select(sets, [head]);
        return gram.SecondMoment(elements);
    }
}
