using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Shards;
using KvCluster.ServiceDefaults.Membership;

namespace KvCluster.Workers;

/// <summary>The KvStore as this worker sees it: the shards that the Gateway last named.</summary>
internal sealed class KvStoreShards : IAsyncDisposable
{
    private const long RepairLimitBytes = 64L << 20;

    private readonly IClusterMembership _membership;
    private readonly ShardConnections _connections;
    private readonly ReadRepair _repair;
    private readonly TimeProvider _time;
    private readonly int _replicaCount;

    /// <param name="membership">Says which shards there are.</param>
    /// <param name="workerId">Who writes.</param>
    /// <param name="replicaCount">Homes of a Block; 0: as the Gateway says.</param>
    /// <param name="hedgeMinMs">The shortest time after which a replica is asked too; 0: never.</param>
    /// <param name="time">Clock of delays.</param>
    public KvStoreShards(IClusterMembership membership, string workerId, int replicaCount, int hedgeMinMs, TimeProvider time)
    {
        (_membership, _replicaCount, _time) = (membership, replicaCount, time);
        _connections = new ShardConnections(workerId, time: time);
        _repair = new ReadRepair(_connections, () => Epoch, RepairLimitBytes, Counters);
        var patience = new ShardReadOptions();
        patience = hedgeMinMs > 0 ? patience with { HedgeMinDelay = TimeSpan.FromMilliseconds(hedgeMinMs) } : patience with { HedgeShare = 0 };
        Reader = new ShardedReader(_connections, patience, time, Counters, _repair);
    }

    public ShardCounters Counters { get; } = new();

    public ShardedReader Reader { get; }

    /// <summary>This worker's incarnation; null before it has registered.</summary>
    public ulong? Epoch => _membership.Current.Epoch is > 0 and var epoch ? epoch : null;

    public ShardView View => _replicaCount > 0 ? _membership.Current.Shards.With(_replicaCount) : _membership.Current.Shards;

    /// <param name="epoch">This worker's incarnation.</param>
    /// <param name="root">Parent of the first Block of the Sequence that is written.</param>
    /// <param name="cancellationToken">Aborts all calls.</param>
    public ShardedWriter OpenWriter(ulong epoch, BlockId root, CancellationToken cancellationToken) =>
        new(_connections, () => View, epoch, _time, Counters, cancellationToken) { Owner = BlockIdChain.OwnerOf(root) };

    public async ValueTask DisposeAsync()
    {
        await _repair.DisposeAsync();
        _connections.Dispose();
        Counters.Dispose();
    }
}
