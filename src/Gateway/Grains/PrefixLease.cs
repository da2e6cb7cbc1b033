using KvCluster.Compression.Blocks;
using KvCluster.Gateway.Routing;
using KvCluster.Protocol.Shards;

namespace KvCluster.Gateway.Grains;

/// <summary>
/// The leading blocks of a Sequence that the KvStore holds, leased until decode has taken them in. Every shard is asked at once for the blocks that
/// it may have, at home or from before a change of membership; what counts is the prefix of which each block is somewhere.
/// </summary>
internal sealed class PrefixLease
{
    private readonly RequestServices _services;
    private readonly ShardLease[] _shards;
    private long _renewedAt;

    private PrefixLease(RequestServices services, bool hasStore, ShardLease[] shards, int heldBlockCount)
    {
        _services = services;
        _shards = shards;
        _renewedAt = services.Time.GetTimestamp();
        HasStore = hasStore;
        HeldBlockCount = heldBlockCount;
    }

    public int HeldBlockCount { get; }

    /// <summary>Whether there is a KvStore to hand blocks over through.</summary>
    public bool HasStore { get; }

    public static async Task<PrefixLease> TakeAsync(RequestServices services, BlockId[] blockIds, CancellationToken cancellationToken)
    {
        ShardView view = ShardViews.Of(await services.Pool(PoolKey.KvStore).Snapshot(), services.Options);
        bool hasStore = view.Live.Count > 0;
        if (blockIds.Length == 0 || (!hasStore && view.Leaving.Count == 0))
        {
            return new PrefixLease(services, hasStore, [], 0);
        }

        ShardLease[] shards = await Task.WhenAll(blockIds
            .SelectMany((id, index) => view.PlacesOf(id).Addresses.Select(address => (address, index)))
            .GroupBy(place => place.address, place => place.index)
            .Where(place => !services.StoreHealth.IsSuspect(place.Key))
            .Select(place => ShardLease.TakeAsync(services, place.Key, blockIds, [.. place], cancellationToken)));
        var isHeld = new bool[blockIds.Length + 1];
        foreach (int index in shards.SelectMany(shard => shard.HeldIndexes))
        {
            isHeld[index] = true;
        }

        return new PrefixLease(services, hasStore, shards, Array.IndexOf(isHeld, false));
    }

    /// <summary>Extends the leases once a third of their time is gone.</summary>
    public async Task RenewIfDueAsync(CancellationToken cancellationToken)
    {
        TimeSpan third = TimeSpan.FromMilliseconds(_services.Options.LeaseMs / 3);
        if (_services.Time.GetElapsedTime(_renewedAt) >= third)
        {
            _renewedAt = _services.Time.GetTimestamp();
            await Task.WhenAll(_shards.Select(shard => shard.RenewAsync(cancellationToken)));
        }
    }

    /// <summary>Gives the leases back; at most once.</summary>
    public Task ReleaseAsync() => Task.WhenAll(_shards.Select(shard => shard.ReleaseAsync()));
}
