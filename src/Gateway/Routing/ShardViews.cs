using KvCluster.Protocol.Shards;

namespace KvCluster.Gateway.Routing;

/// <summary>The pool of KvStore shards as those see it who read and write blocks.</summary>
internal static class ShardViews
{
    /// <summary>Live shards, and those that drain, in the order of worker ids; shards younger than the settling time have joined lately.</summary>
    public static ShardView Of(WorkerState[] shards, GatewayOptions options)
    {
        TimeSpan settling = TimeSpan.FromMilliseconds(options.ShardSettleMs);
        return new ShardView(
            shards.Where(shard => !shard.IsDraining).Select(shard => shard.Worker.Address),
            options.KvReplicas,
            shards.Where(shard => !shard.IsDraining && shard.Age < settling).Select(shard => shard.Worker.Address),
            shards.Where(shard => shard.IsDraining).Select(shard => shard.Worker.Address));
    }
}
