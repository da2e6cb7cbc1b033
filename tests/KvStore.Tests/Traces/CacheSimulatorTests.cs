using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Simulation;
using KvCluster.KvStore.Traces;
using KvCluster.KvStore.Traces.Generation;

namespace KvCluster.KvStore.Tests.Traces;

public sealed class CacheSimulatorTests
{
    private const long BlockBytes = 1000;

    [Fact]
    public void Run_RoomForAll_FindsWhateverCameBefore()
    {
        IReadOnlyList<TraceRequest> requests = TraceKinds.Generate("mix", 1000, seed: 1);
        var seen = new HashSet<BlockId>();
        long found = 0;
        foreach (TraceRequest request in requests)
        {
            found += request.Prompt.TakeWhile(seen.Contains).Count();
            seen.UnionWith(request.Prompt.Concat(request.Generated));
        }

        foreach (string policy in EvictionPolicies.Names)
        {
            SimulationResult result = CacheSimulator.Run(requests, policy, long.MaxValue / 2, BlockBytes);
            Assert.Equal((found, found), (result.PrefixBlockCount, result.HeldBlockCount));
            Assert.Equal((seen.Count, 0L), ((int)result.PutBlockCount, result.EvictedBlockCount));
        }
    }

    [Theory]
    [InlineData(40)]
    [InlineData(400)]
    public void Run_Lru_FindsWhatAPlainListFinds(int capacityBlocks)
    {
        IReadOnlyList<TraceRequest> requests = TraceKinds.Generate("rag", 300, seed: 2);
        var recency = new List<BlockId>();
        long found = 0;
        foreach (TraceRequest request in requests)
        {
            BlockId[] ids = [.. request.Prompt, .. request.Generated];
            found += request.Prompt.TakeWhile(recency.Contains).Count();
            var stored = new List<BlockId>(request.Prompt.TakeWhile(recency.Contains));
            foreach (BlockId id in ids.Skip(stored.Count))
            {
                // What the request holds already is not evicted for the rest of it.
                BlockId? victim = recency.Where(other => !stored.Contains(other)).Select(other => (BlockId?)other).FirstOrDefault();
                if (!recency.Contains(id) && recency.Count == capacityBlocks && victim is null)
                {
                    continue;
                }

                if (!recency.Contains(id) && recency.Count == capacityBlocks)
                {
                    recency.Remove(victim!.Value);
                }

                recency.Remove(id);
                recency.Add(id);
                stored.Add(id);
            }

            recency.RemoveAll(stored.Contains);
            recency.AddRange(stored);
        }

        SimulationResult result = CacheSimulator.Run(requests, "lru", capacityBlocks * BlockBytes, BlockBytes);
        Assert.Equal(found, result.PrefixBlockCount);
        Assert.True(result.EvictedBlockCount > 0);
    }

    [Fact]
    public void Run_SmallerBlocks_FindMore()
    {
        IReadOnlyList<TraceRequest> requests = TraceKinds.Generate("mix", 2000, seed: 1);
        foreach (string policy in EvictionPolicies.Names)
        {
            double[] rates = [.. new[] { 5000, 1000, 200 }.Select(bytes => CacheSimulator.Run(requests, policy, 4_000_000, bytes).PrefixHitRate)];
            Assert.True(rates[0] < rates[1] && rates[1] < rates[2], string.Join(", ", rates));
        }
    }
}
