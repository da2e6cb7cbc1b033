using System.Collections.Concurrent;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;
using KvCluster.ServiceDefaults.Membership;

namespace KvCluster.Workers;

/// <summary>The KvStore as this worker sees it: the shards that the Gateway last named.</summary>
internal sealed class KvStoreShards(IClusterMembership membership, string workerId) : IDisposable
{
    private readonly ConcurrentDictionary<string, KvStoreShard> _shards = new(StringComparer.Ordinal);

    /// <summary>This worker's incarnation; null before it has registered.</summary>
    public ulong? Epoch => membership.Current.Epoch is > 0 and var epoch ? epoch : null;

    /// <summary>The shard on which a Block lives; null when none is known.</summary>
    public KvStoreShard? HomeOf(BlockId blockId) =>
        BlockHome.Choose(blockId, membership.Current.KvStoreAddresses) is { } address
            ? _shards.GetOrAdd(address, static (address, workerId) => new KvStoreShard(address, workerId), workerId)
            : null;

    public void Dispose()
    {
        foreach (var shard in _shards.Values)
        {
            shard.Dispose();
        }
    }
}
