using KvCluster.Compression.Calibration;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>Adds the rows of every step to the statistics of their layers.</summary>
internal sealed class StatisticsCollector : ILayerObserver
{
    private readonly LayerRows _rows;
    private readonly int _size;
    private readonly int _group;
    private readonly List<Action>[] _work;

    public StatisticsCollector(ModelConfig config, IReadOnlyList<LayerStatistics> layers)
    {
        _rows = new LayerRows(config);
        _size = config.HeadSize;
        _group = config.HeadCount / config.KvHeadCount;
        _work = [.. layers.Select(Work)];
    }

    public void Observe(int layer, StepPlan plan, Activations activations, CpuLayerWeights weights)
    {
        _rows.Read(plan, activations, weights);
        Parallel.Invoke([.. _work[layer]]);
    }

    private List<Action> Work(LayerStatistics statistics)
    {
        int setWidth = statistics.HeadsPerSet * _size;
        var work = new List<Action>();
        for (int i = 0; i < statistics.Keys.Count; i++)
        {
            int set = i;
            work.Add(() => statistics.Keys[set].Add(_rows.Keys.AsSpan(set * setWidth), _rows.RowCount, _rows.KvWidth));
            work.Add(() => statistics.Values[set].Add(_rows.Values.AsSpan(set * setWidth), _rows.RowCount, _rows.KvWidth));
        }

        for (int i = 0; i < statistics.Queries.Count; i++)
        {
            int kvHead = i;
            work.Add(() =>
            {
                for (int head = kvHead * _group; head < (kvHead + 1) * _group; head++)
                {
                    statistics.Queries[kvHead].Add(_rows.Queries.AsSpan(head * _size), _rows.RowCount, _rows.QueryWidth);
                }
            });
        }

        return work;
    }
}
