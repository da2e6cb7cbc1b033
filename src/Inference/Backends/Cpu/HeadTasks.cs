using KvCluster.Compression.Codecs;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Which KV heads one task attends for: those that a codec stores together, so that it unpacks them once, but split where there would be fewer tasks
/// than workers. Results do not depend on it.
/// </summary>
internal sealed class HeadTasks
{
    private readonly int[][][] _byLayer;

    public HeadTasks(KvCodec codec, int workerCount)
    {
        _byLayer = new int[codec.Geometry.LayerCount][][];
        for (int layer = 0; layer < _byLayer.Length; layer++)
        {
            IReadOnlyList<IReadOnlyList<int>> sets = codec.HeadSets(layer);
            int partCount = (workerCount + sets.Count - 1) / sets.Count;
            _byLayer[layer] = [.. sets.SelectMany(set => set.Chunk(Math.Max(1, set.Count / partCount)))];
            MaxHeadCount = Math.Max(MaxHeadCount, _byLayer[layer].Max(heads => heads.Length));
        }
    }

    /// <summary>Most heads of a task.</summary>
    public int MaxHeadCount { get; }

    /// <summary>The KV heads of each task.</summary>
    public int[][] OfLayer(int layer) => _byLayer[layer];
}
