using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Calibration;

/// <summary>
/// ZACK (arXiv 2408.04107): each KV head keeps the leading directions of its keys and queries together, and of its values and their output
/// weights together; as many as an energy threshold asks for, or as a search under an accuracy bound finds.
/// </summary>
public sealed class ZackRecipe : ProfileRecipe
{
    private ZackRecipe(double? energy, double accuracy, bool isJoint)
    {
        Energy = energy;
        Accuracy = accuracy;
        IsJoint = isJoint;
        Spec = Stage(
            "zack",
            ("accuracy", energy is null ? Text(accuracy) : null),
            ("energy", energy is { } threshold ? Text(threshold) : null),
            ("basis", isJoint ? "kq" : null));
    }

    public override string Spec { get; }

    /// <summary>Share of each head's energy that is kept; null: ranks come from a search for <see cref="Accuracy"/>.</summary>
    public double? Energy { get; }

    /// <summary>Share of the accuracy without compression that must be kept; counts without <see cref="Energy"/>.</summary>
    public double Accuracy { get; }

    /// <summary>Queries and keys have maps of their own (KQ-SVD) instead of one orthonormal basis.</summary>
    public bool IsJoint { get; }

    internal static string[] ParameterNames { get; } = ["energy", "accuracy", "basis"];

    public override int HeadsPerSet(KvGeometry geometry) => 1;

    /// <summary>By the energy threshold; 0.98 when there is none.</summary>
    public override IReadOnlyList<LayerCalibration> Make(IReadOnlyList<LayerStatistics> layers) =>
        [.. layers.Select(layer => new ZackBases(layer, IsJoint)).Select(bases => bases.Make(bases.RanksForEnergy(Energy ?? 0.98)))];

    internal static ZackRecipe Read(StageParameters parameters)
    {
        if (parameters.Has("energy") && parameters.Has("accuracy"))
        {
            throw parameters.Fail("give 'energy' or 'accuracy', not both");
        }

        double energy = parameters.Number("energy", 0.98, 0.01, 1);
        double accuracy = parameters.Number("accuracy", 0.99, 0.01, 1);
        return new ZackRecipe(
            parameters.Has("energy") ? energy : null, accuracy, parameters.OneOf("basis", "stacked", "stacked", "kq") == "kq");
    }
}
