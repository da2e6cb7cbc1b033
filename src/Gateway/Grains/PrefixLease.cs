using KvCluster.Compression.Blocks;
using KvCluster.Gateway.Routing;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Gateway.Grains;

/// <summary>
/// The leading blocks of a Sequence that the KvStore holds, leased until decode has taken them in. Each shard is asked for the
/// blocks that are at home there; what counts is the prefix without a gap.
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
        WorkerState[] states = await services.Pool(PoolKey.KvStore).Snapshot();
        string[] addresses = [.. states.Where(state => !state.IsDraining).Select(state => state.Worker.Address)];
        if (addresses.Length == 0 || blockIds.Length == 0)
        {
            return new PrefixLease(services, addresses.Length > 0, [], 0);
        }

        string[] homes = [.. blockIds.Select(id => BlockHome.Choose(id, addresses)!)];
        ShardLease[] shards = await Task.WhenAll(homes.Distinct().Select(home => ShardLease.TakeAsync(
            services, home, [.. blockIds.Where((_, index) => homes[index] == home)], cancellationToken)));
        return new PrefixLease(services, hasStore: true, shards, PrefixLength(homes, shards));
    }

    /// <summary>Extends the leases once half of their time is gone.</summary>
    public async Task RenewIfDueAsync(CancellationToken cancellationToken)
    {
        TimeSpan half = TimeSpan.FromMilliseconds(_services.Options.LeaseMs / 2);
        if (_services.Time.GetElapsedTime(_renewedAt) >= half)
        {
            _renewedAt = _services.Time.GetTimestamp();
            await Task.WhenAll(_shards.Select(shard => shard.RenewAsync(cancellationToken)));
        }
    }

    /// <summary>Gives the leases back; at most once.</summary>
    public Task ReleaseAsync() => Task.WhenAll(_shards.Select(shard => shard.ReleaseAsync()));

    /// <summary>Blocks before the first that its home does not hold.</summary>
    private static int PrefixLength(string[] homes, ShardLease[] shards)
    {
        Dictionary<string, int> left = shards.ToDictionary(shard => shard.Address, shard => shard.HeldBlockCount);
        int length = 0;
        while (length < homes.Length && left[homes[length]]-- > 0)
        {
            length++;
        }

        return length;
    }
}
