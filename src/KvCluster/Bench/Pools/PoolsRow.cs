using KvCluster.CommandLine.Bench.Handover;

namespace KvCluster.CommandLine.Bench.Pools;

/// <summary>One way to run the two pools.</summary>
/// <param name="KvSpec">The codec.</param>
/// <param name="BitsPerSecond">Of the links; null: both pools on one GPU.</param>
/// <param name="Alone">A prompt that has the cluster for itself.</param>
/// <param name="Load">Many clients.</param>
internal sealed record PoolsRow(string KvSpec, double? BitsPerSecond, HandoverTiming Alone, LoadResult Load);
