using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Shards;
using KvCluster.ServiceDefaults.Membership;

namespace KvCluster.KvStore.Moving;

/// <summary>
/// Gives each shard that joins the blocks that are at home there from now on, so that it is soon as good a home as any, and so that a replica lost with
/// a shard is there again once the shard is. Reads that come earlier find and copy by themselves.
/// </summary>
internal sealed class JoinCopy(MemoryTier memory, IClusterMembership membership, TimeProvider time, ILogger<JoinCopy> logger) : BackgroundService
{
    private static readonly TimeSpan BeforeRegistration = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly Dictionary<ShardJoin, Task> _copies = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                // As often as there may be news.
                TimeSpan interval = membership.HeartbeatInterval;
                await Task.Delay(interval > TimeSpan.Zero ? interval : BeforeRegistration, time, stoppingToken);
                foreach (ShardJoin join in membership.Current.Joins.Where(join => join.Address != membership.Address && !_copies.ContainsKey(join)))
                {
                    _copies.Add(join, CopyAsync(join, stoppingToken));
                }
            }
        }
        finally
        {
            await Task.WhenAll(_copies.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// One run over all blocks, and then over what is new, for as long as the shard counts as new: writers that have not heard of it, or
    /// had begun before it came, put blocks elsewhere for a while.
    /// </summary>
    private async Task CopyAsync(ShardJoin join, CancellationToken cancellationToken)
    {
        using var connections = new ShardConnections(membership.WorkerId, time: time);
        var copier = new BlockCopier(memory, connections, membership.Current.Epoch, logger);
        TimeSpan pause = 2 * membership.HeartbeatInterval;
        while (membership.Current.Joins.Contains(join))
        {
            await copier.CopyAsync(id => membership.Current.Shards.HomesOf(id).Where(home => home == join.Address), cancellationToken);
            await Task.Delay(pause, time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }

        Log.CopiedToJoined(logger, copier.CopiedCount, join.Address, copier.KnownCount);
    }
}
