namespace KvCluster.ServiceDefaults.Membership;

/// <summary>A KvStore shard that came lately.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Epoch">Its incarnation.</param>
public readonly record struct ShardJoin(string Address, ulong Epoch);
