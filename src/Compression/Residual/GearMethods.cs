using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Residual;

/// <summary>Builds the residuals that specs name.</summary>
internal static class GearMethods
{
    /// <summary>Says which quantiser is meant, so it stands only where none is named.</summary>
    public const string Bits = "bits";

    public const string Rank = "rank";
    public const string Sparse = "sparse";
    public const string Keys = "keys";

    private const int DefaultRank = 2;

    /// <summary>The paper's.</summary>
    private const int DefaultRankAlone = 4;

    /// <summary>The paper's. More of them gains little accuracy for the time that attention spends on each.</summary>
    private const double DefaultSparsity = 0.02;
    private const double DefaultKeyShare = 0.8;

    /// <summary><c>gear</c>: L and S.</summary>
    public static LayerResidual Gear(StageContext context) => Make(context, DefaultRank, Sparsity(context));

    /// <summary><c>gear-l</c>: L alone.</summary>
    public static LayerResidual GearL(StageContext context) => Make(context, DefaultRankAlone, 0);

    /// <summary>The paper's backbones: KCVT with 4 bits, KIVI with 2.</summary>
    public static string Backbone(StageParameters parameters) => parameters.OneOf(Bits, 4, 4, 2) == 4 ? "kcvt4" : "kivi2(group=64)";

    private static double Sparsity(StageContext context)
    {
        double sparsity = context.Parameters.Number(Sparse, DefaultSparsity, 0, 1);
        return sparsity < 1 ? sparsity : throw context.Parameters.Fail("'sparse' is a share of all elements, below 1.");
    }

    private static GearResidual Make(StageContext context, int defaultRank, double sparsity)
    {
        StageParameters parameters = context.Parameters;
        int most = Enumerable.Range(0, context.Shape.HeadCount).Min(
            head => GearOptions.MaxRank(Math.Min(context.Shape.KeySize(head), context.Shape.ValueSize(head))));
        int rank = parameters.Integer(Rank, Math.Min(defaultRank, most), 0, KvGeometry.BlockTokenCount);
        if (rank > most)
        {
            throw parameters.Fail($"'{Rank}' is {rank}, and a head of layer {context.Layer} has {most} channels only.");
        }

        var options = new GearOptions(rank, sparsity, parameters.Number(Keys, DefaultKeyShare, 0, 1));
        return new GearResidual(context.Shape, context.Layer, options);
    }
}
