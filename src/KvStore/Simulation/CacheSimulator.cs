using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Traces;

namespace KvCluster.KvStore.Simulation;

/// <summary>Replays a trace against the memory tier's own eviction policies.</summary>
public static class CacheSimulator
{
    /// <param name="requests">In the order of time.</param>
    /// <param name="policyName">One of <see cref="EvictionPolicies.Names"/>.</param>
    /// <param name="capacityBytes">Budget of the tier.</param>
    /// <param name="blockBytes">Bytes that a block takes in it.</param>
    public static SimulationResult Run(IEnumerable<TraceRequest> requests, string policyName, long capacityBytes, long blockBytes)
    {
        var store = new SimulatedStore(capacityBytes, blockBytes, EvictionPolicies.Create(policyName, capacityBytes));
        foreach (TraceRequest request in requests)
        {
            store.Run(request);
        }

        return new SimulationResult(
            policyName,
            capacityBytes,
            blockBytes,
            store.PromptBlockCount,
            store.PrefixBlockCount,
            store.HeldBlockCount,
            store.PutBlockCount,
            store.EvictedBlockCount);
    }
}
