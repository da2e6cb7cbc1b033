using KvCluster.Compression.Calibration;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>Measures what lower ranks cost each layer's attention output, on texts that come in one step each.</summary>
internal sealed class RankCostProbe : ILayerObserver
{
    /// <summary>Queries of a text: half of them at its end, where documents have their answers, half spread over it.</summary>
    private const int QueryCount = 48;

    private readonly ModelConfig _config;
    private readonly LayerRows _rows;
    private readonly HeadRankProbe[][] _probes;
    private readonly float[][] _outputWeights;

    public RankCostProbe(ModelFolder folder, IReadOnlyList<ZackBases> bases)
    {
        _config = folder.Config;
        _rows = new LayerRows(_config);
        Costs = [.. bases.Select(_ => new RankCosts(_config.KvHeadCount, _config.HeadSize))];
        _outputWeights = [.. bases.Select((_, layer) => OutputWeights(folder, layer))];
        _probes = [.. bases.Select((layer, index) => Enumerable.Range(0, _config.KvHeadCount)
            .Select(head => new HeadRankProbe(_config, head, layer, _outputWeights[index])).ToArray())];
    }

    /// <summary>By layer.</summary>
    public IReadOnlyList<RankCosts> Costs { get; }

    public void Observe(int layer, StepPlan plan, Activations activations, CpuLayerWeights weights)
    {
        _rows.Read(plan, activations, weights);
        int[] queries = Positions(_rows.RowCount);
        HeadRankProbe[] probes = _probes[layer];
        Parallel.For(0, probes.Length, head => probes[head].Measure(_rows, queries, Costs[layer]));
        foreach (int index in Enumerable.Range(0, queries.Length))
        {
            double[] output = new double[_config.HiddenSize];
            foreach (HeadRankProbe probe in probes)
            {
                probe.AddOutput(index, output);
            }

            Costs[layer].Total += output.Sum(value => value * value);
        }
    }

    private static int[] Positions(int rowCount)
    {
        int ending = Math.Min(QueryCount / 2, rowCount);
        int spread = QueryCount - ending;
        return [.. Enumerable.Range(0, spread).Select(i => (int)((long)i * rowCount / spread))
            .Concat(Enumerable.Range(rowCount - ending, ending)).Distinct()];
    }

    private float[] OutputWeights(ModelFolder folder, int layer)
    {
        int width = _config.HeadCount * _config.HeadSize;
        float[] weights = new float[_config.HiddenSize * width];
        folder.Tensors.GetTensor($"model.layers.{layer}.self_attn.o_proj.weight").Expect(_config.HiddenSize, width).ReadAsSingle(weights);
        return weights;
    }
}
