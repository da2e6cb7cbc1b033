using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Simulation;
using KvCluster.KvStore.Traces;

namespace KvCluster.CommandLine.Store;

/// <summary>Every capacity, codec and policy over one trace.</summary>
internal static class ReplayRun
{
    /// <param name="name">Of the trace.</param>
    /// <param name="requests">The trace.</param>
    /// <param name="codecs">Canonical specs and bytes of a block.</param>
    /// <param name="capacities">Bytes.</param>
    /// <param name="policies">Names.</param>
    public static ReplayReport Run(
        string name,
        IReadOnlyList<TraceRequest> requests,
        IReadOnlyList<(string Spec, long BlockBytes)> codecs,
        IReadOnlyList<long> capacities,
        IReadOnlyList<string> policies)
    {
        SimulationResult best = CacheSimulator.Run(requests, EvictionPolicies.Default, long.MaxValue / 2, 1);
        var cases =
            from capacity in capacities
            from codec in codecs
            from policy in policies
            select (capacity, codec, policy);
        ReplayRow[] rows = [.. cases.AsParallel().AsOrdered().Select(one => RowOf(requests, one.capacity, one.codec, one.policy))];
        return new ReplayReport(name, requests.Count, best.PromptBlockCount, best.PutBlockCount, best.PrefixHitRate, rows);
    }

    private static ReplayRow RowOf(IReadOnlyList<TraceRequest> requests, long capacity, (string Spec, long BlockBytes) codec, string policy)
    {
        SimulationResult result = CacheSimulator.Run(requests, policy, capacity, codec.BlockBytes);
        return new ReplayRow(
            capacity, codec.Spec, codec.BlockBytes, policy, result.PrefixHitRate, result.ByteHitRate, result.EvictedBlockCount);
    }
}
