using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>
/// Fewer KV heads (Effectively Compress KV Heads for LLM, arXiv 2406.07056): t heads become one by the leading d directions of their
/// concatenated channels; K after RoPE.
/// </summary>
internal sealed class KvHeadsRecipe : ProfileRecipe
{
    private readonly int _groupSize;
    private readonly bool _groupsBySimilarity;
    private readonly string _by;
    private readonly bool _mergesPlanes;

    private KvHeadsRecipe(double keep, string groups, string by, string rope)
    {
        _groupSize = (int)Math.Round(1 / keep);
        _groupsBySimilarity = groups == "similar";
        _by = by;
        _mergesPlanes = rope == "plane";
        Spec = Stage(
            "kvheads",
            ("keep", Text(keep)),
            ("groups", groups == "contiguous" ? null : groups),
            ("by", by == "activations" ? null : by),
            ("rope", rope == "after" ? null : rope));
    }

    public static string[] ParameterNames { get; } = ["keep", "groups", "by", "rope"];

    public override string Spec { get; }

    public override bool NeedsData => _by != "mean" || _groupsBySimilarity;

    /// <exception cref="CodecSpecException">A parameter is wrong.</exception>
    public static KvHeadsRecipe Read(StageParameters parameters)
    {
        double keep = parameters.Number("keep", 0.5, 0.125, 0.5);
        if (keep is not (0.5 or 0.25 or 0.125))
        {
            throw parameters.Fail("'keep' must be 0.5, 0.25 or 0.125");
        }

        return new KvHeadsRecipe(
            keep,
            parameters.OneOf("groups", "contiguous", "contiguous", "similar"),
            parameters.OneOf("by", "activations", "activations", "weights", "mean"),
            parameters.OneOf("rope", "after", "after", "plane"));
    }

    public override int HeadsPerSet(KvGeometry geometry)
    {
        ArgumentNullException.ThrowIfNull(geometry);
        return _groupsBySimilarity ? geometry.KvHeadCount : _groupSize;
    }

    public override IReadOnlyList<LayerCalibration> Make(IReadOnlyList<LayerStatistics> layers)
    {
        var made = new LayerCalibration[layers.Count];
        Parallel.For(0, layers.Count, layer => made[layer] = Make(layers[layer]));
        return made;
    }

    private LayerCalibration Make(LayerStatistics statistics)
    {
        int headCount = statistics.Geometry.KvHeadCount;
        int[][] groups = _groupsBySimilarity
            ? HeadGrouping.Similar(headCount, _groupSize, heads => Loss(statistics, heads))
            : HeadGrouping.Contiguous(headCount, _groupSize);
        return new LayerCalibration(
            [.. groups.Select(heads => new GroupBasis(heads, Side(statistics, heads, ofKeys: true), Side(statistics, heads, ofKeys: false)))],
            NeedsData ? [.. groups.Select(heads => SymmetricEigen.Of(Moment(statistics, statistics.Keys, heads)).Values)] : [],
            NeedsData ? [.. groups.Select(heads => SymmetricEigen.Of(Moment(statistics, statistics.Values, heads)).Values)] : []);
    }

    private SideBasis Side(LayerStatistics statistics, int[] heads, bool ofKeys)
    {
        int size = statistics.Geometry.HeadSize;
        if (_by == "mean")
        {
            return Bases.Mean(heads.Length, size);
        }

        Matrix<double> moment = _by == "weights"
            ? Weights(statistics, heads, ofKeys)
            : Moment(statistics, ofKeys ? statistics.Keys : statistics.Values, heads);
        return ofKeys && _mergesPlanes
            ? PlaneMerge.Of(moment, size)
            : Bases.Orthonormal(SymmetricEigen.Of(moment).Leading(size));
    }

    private static Matrix<double> Moment(LayerStatistics statistics, IReadOnlyList<GramMatrix> sets, int[] heads)
    {
        (GramMatrix gram, int[] elements) = statistics.Select(sets, heads);
        return gram.SecondMoment(elements);
    }

    /// <summary>The moment that white inputs would give, over all positions.</summary>
    private static Matrix<double> Weights(LayerStatistics statistics, int[] heads, bool ofKeys)
    {
        Matrix<double> all = (ofKeys ? statistics.KeyWeights : statistics.ValueWeights)
            ?? throw new ArgumentException("SVD on weights needs the Gram matrices of the weights.", nameof(statistics));
        int[] channels = statistics.Channels(heads);
        var moment = Matrix<double>.Build.Dense(channels.Length, channels.Length, (i, j) => all[channels[i], channels[j]]);
        return ofKeys ? PlaneMerge.OverAllPositions(moment, statistics.Geometry.HeadSize) : moment;
    }

    /// <summary>The share of K's energy and of V's that one head in place of these would lose.</summary>
    private static double Loss(LayerStatistics statistics, int[] heads)
    {
        double loss = 0;
        foreach (IReadOnlyList<GramMatrix> sets in (IReadOnlyList<GramMatrix>[])[statistics.Keys, statistics.Values])
        {
            var eigen = SymmetricEigen.Of(Moment(statistics, sets, heads));
            loss += eigen.Tail(statistics.Geometry.HeadSize) / Math.Max(eigen.Tail(0), double.Epsilon);
        }

        return loss;
    }
}
