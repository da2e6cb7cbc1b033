using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>
/// Fewer KV heads (Effectively Compress KV Heads for LLM, arXiv 2406.07056): heads share the leading directions of their concatenated
/// channels; K after RoPE. In the paper t heads become one, of d directions (<c>ranks=even</c>); by default the same bytes are shared out by
/// <see cref="SpreadRanks"/>.
/// </summary>
internal sealed class KvHeadsRecipe : ProfileRecipe
{
    private readonly double _keep;
    private readonly int _groupSize;
    private readonly bool _groupsBySimilarity;
    private readonly string _by;
    private readonly bool _mergesPlanes;
    private readonly bool _spreadsRanks;

    private KvHeadsRecipe(double keep, int heads, string groups, string by, string rope, string ranks)
    {
        _keep = keep;
        _groupSize = heads;
        _groupsBySimilarity = groups == "similar";
        _by = by;
        _mergesPlanes = rope == "plane";
        _spreadsRanks = ranks == "spread";
        Spec = Stage(
            "kvheads",
            ("keep", Text(keep)),
            ("heads", heads == HeadsMerged(keep) ? null : Text(heads)),
            ("groups", groups == "contiguous" ? null : groups),
            ("by", by == "activations" ? null : by),
            ("rope", rope == "after" ? null : rope),
            ("ranks", ranks == DefaultRanks(by, rope) ? null : ranks));
    }

    public static string[] ParameterNames { get; } = ["keep", "ranks", "heads", "groups", "by", "rope"];

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

        string by = parameters.OneOf("by", "activations", "activations", "weights", "mean");
        string rope = parameters.OneOf("rope", "after", "after", "plane");
        string ranks = parameters.OneOf("ranks", DefaultRanks(by, rope), "spread", "even");
        if (ranks == "spread" && DefaultRanks(by, rope) != "spread")
        {
            throw parameters.Fail("'ranks=spread' needs the spectra of activations after RoPE; leave out 'by' and 'rope'");
        }

        int heads = parameters.OneOf("heads", HeadsMerged(keep), 2, 4, 8, 16, 32);
        if (heads != HeadsMerged(keep) && (heads < HeadsMerged(keep) || ranks == "even"))
        {
            throw parameters.Fail($"'heads' must be {HeadsMerged(keep)} here, whose bases are merged into one; more only with 'ranks=spread'");
        }

        return new KvHeadsRecipe(
            keep, heads, parameters.OneOf("groups", "contiguous", "contiguous", "similar"), by, rope, ranks);
    }

    public override int HeadsPerSet(KvGeometry geometry)
    {
        ArgumentNullException.ThrowIfNull(geometry);
        return _groupsBySimilarity ? geometry.KvHeadCount : _groupSize;
    }

    public override IReadOnlyList<LayerCalibration> Make(IReadOnlyList<LayerStatistics> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        if (_spreadsRanks)
        {
            return SpreadRanks.Make(OfAll(layers, layer => LayerComponents.Of(layer, Groups(layer))), layers[0].Geometry, _keep);
        }

        return OfAll(layers, Even);
    }

    private static int HeadsMerged(double keep) => (int)Math.Round(1 / keep);

    private static string DefaultRanks(string by, string rope) => by == "activations" && rope == "after" ? "spread" : "even";

    private static T[] OfAll<T>(IReadOnlyList<LayerStatistics> layers, Func<LayerStatistics, T> make)
    {
        var made = new T[layers.Count];
        Parallel.For(0, layers.Count, layer => made[layer] = make(layers[layer]));
        return made;
    }

    private int[][] Groups(LayerStatistics statistics)
    {
        int headCount = statistics.Geometry.KvHeadCount;
        return _groupsBySimilarity
            ? HeadGrouping.Similar(headCount, _groupSize, heads => Loss(statistics, heads))
            : HeadGrouping.Contiguous(headCount, _groupSize);
    }

    /// <summary>The paper's: one head of d directions for each group, of K and of V.</summary>
    private LayerCalibration Even(LayerStatistics statistics)
    {
        int[][] groups = Groups(statistics);
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
