using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Calibration;

/// <summary>
/// Principal components of several heads together, and bits for each 16 of them by reverse water-filling over all layers; components without
/// a bit are dropped. Measured in benchmarks/studies/water_filling.md.
/// </summary>
internal sealed class WaterFillRecipe : ProfileRecipe
{
    private readonly int _heads;
    private readonly double _keyBits;
    private readonly double _valueBits;
    private readonly double _wide;

    private WaterFillRecipe(int heads, double keyBits, double valueBits, double wide)
    {
        (_heads, _keyBits, _valueBits, _wide) = (heads, keyBits, valueBits, wide);
        Spec = Stage("pca", ("heads", Text(heads))) + "+"
            + Stage("waterfill", ("keys", Text(keyBits)), ("values", Text(valueBits)), ("wide", wide == DefaultWide ? null : Text(wide)));
    }

    private const double DefaultWide = 1.5;

    public override string Spec { get; }

    public static WaterFillRecipe Read(StageParameters projector, StageParameters quantiser)
    {
        if (projector.Has("energy"))
        {
            throw projector.Fail("'energy' does not go with waterfill, whose bits decide what is kept");
        }

        return new WaterFillRecipe(
            projector.Integer("heads", 8, 1, 64),
            quantiser.Number("keys", 1.1, 0.05, BitAllocation.MaxBits),
            quantiser.Number("values", 0.5, 0.05, BitAllocation.MaxBits),
            quantiser.Number("wide", DefaultWide, 0.5, 4));
    }

    public override int HeadsPerSet(KvGeometry geometry) => _heads;

    public override IReadOnlyList<LayerCalibration> Make(IReadOnlyList<LayerStatistics> layers)
    {
        var components = new LayerComponents[layers.Count];
        Parallel.For(0, layers.Count, layer => components[layer] = LayerComponents.Of(layers[layer], _heads));
        byte[][][] keyBits = Share([.. components.Select(layer => layer.Keys)], _keyBits);
        byte[][][] valueBits = Share([.. components.Select(layer => layer.Values)], _valueBits);
        return [.. components.Select((layer, index) => layer.Assemble(
            (group, side) => Side(side, keyBits[index][group]), (group, side) => Side(side, valueBits[index][group])))];
    }

    /// <summary>Bits by layer, group and 16 channels. A layer counts by its shares of its own variance, so that all weigh the same.</summary>
    private static byte[][][] Share(IReadOnlyList<IReadOnlyList<PrincipalComponents>> layers, double meanBits)
    {
        var units = new List<double>();
        foreach (IReadOnlyList<PrincipalComponents> groups in layers)
        {
            double total = Math.Max(groups.Sum(group => group.Eigen.Values.Sum()), double.Epsilon);
            units.AddRange(groups.SelectMany(group => group.Eigen.Values.Chunk(Ranks.Step).Select(chunk => chunk.Sum() / total)));
        }

        var bits = new Queue<int>(BitAllocation.Share(units, meanBits));
        return [.. layers.Select(groups => groups.Select(group => TakeUnits(bits, group.Eigen.Values.Count / Ranks.Step)).ToArray())];
    }

    /// <summary>The units with bits; variances fall, so these come first. One unit always stays.</summary>
    private static byte[] TakeUnits(Queue<int> bits, int count)
    {
        int[] taken = [.. Enumerable.Range(0, count).Select(_ => bits.Dequeue())];
        return [.. taken.TakeWhile((unit, index) => unit > 0 || index == 0).Select(unit => (byte)Math.Max(unit, 1))];
    }

    private SideBasis Side(PrincipalComponents components, byte[] bits)
    {
        int rank = bits.Length * Ranks.Step;
        Reflections axes = Reflections.Of(components.Eigen.Leading(rank), onlySpan: false);
        Half[] map = axes.Map();
        double[] variances = components.Variances(map, rank);
        var steps = new float[rank];
        for (int channel = 0; channel < rank; channel++)
        {
            double deviation = Math.Sqrt(Math.Max(variances[channel], 1e-12));
            steps[channel] = (float)(_wide * deviation * BitAllocation.Step(bits[channel / Ranks.Step]));
        }

        return new SideBasis { Rank = rank, Map = map, Reflections = axes, Mean = components.Mean, Steps = steps, Bits = bits };
    }
}
