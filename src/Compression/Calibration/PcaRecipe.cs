using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Calibration;

/// <summary>Principal components of the centred K, and V, of several heads together; as many as an energy threshold asks for.</summary>
internal sealed class PcaRecipe : ProfileRecipe
{
    private readonly int _heads;
    private readonly double _energy;

    private PcaRecipe(int heads, double energy)
    {
        _heads = heads;
        _energy = energy;
        Spec = Stage("pca", ("heads", Text(heads)), ("energy", energy == DefaultEnergy ? null : Text(energy)));
    }

    private const double DefaultEnergy = 0.99;

    public static string[] ParameterNames { get; } = ["heads", "energy"];

    public override string Spec { get; }

    public static PcaRecipe Read(StageParameters parameters) =>
        new(parameters.Integer("heads", 8, 1, 64), parameters.Number("energy", DefaultEnergy, 0.01, 1));

    public override int HeadsPerSet(KvGeometry geometry) => _heads;

    public override IReadOnlyList<LayerCalibration> Make(IReadOnlyList<LayerStatistics> layers)
    {
        var made = new LayerCalibration[layers.Count];
        Parallel.For(0, layers.Count, layer =>
        {
            LayerComponents components = LayerComponents.Of(layers[layer], _heads);
            made[layer] = components.Make(
                (_, spectrum) => Ranks.ForEnergy(spectrum, _energy), (_, spectrum) => Ranks.ForEnergy(spectrum, _energy));
        });
        return made;
    }
}
