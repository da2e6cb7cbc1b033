using KvCluster.CommandLine.Bench.Handover;

namespace KvCluster.CommandLine.Bench.Pools;

/// <summary>One way to run the two pools.</summary>
/// <param name="KvSpec">The codec.</param>
/// <param name="Pools">Where they are: <see cref="Describe"/>.</param>
/// <param name="Alone">A prompt that has the cluster for itself.</param>
/// <param name="Load">Many clients.</param>
internal sealed record PoolsRow(string KvSpec, string Pools, HandoverTiming Alone, LoadResult Load)
{
    public static string Describe(bool isOneGpu, double? bitsPerSecond) =>
        isOneGpu ? "one GPU" : bitsPerSecond is { } speed ? $"two GPUs, {speed / 1e9:0.##} Gb/s" : "two GPUs";
}
