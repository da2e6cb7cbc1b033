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

    private readonly HashSet<ShardJoin> _known = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            // As often as there may be news.
            TimeSpan interval = membership.HeartbeatInterval;
            await Task.Delay(interval > TimeSpan.Zero ? interval : BeforeRegistration, time, stoppingToken);
            ShardJoin[] joins = [.. membership.Current.Joins.Where(join => join.Address != membership.Address && _known.Add(join))];
            if (joins.Length > 0)
            {
                using var connections = new ShardConnections(membership.WorkerId);
                await Task.WhenAll(joins.Select(join => CopyAsync(connections, join.Address, stoppingToken)));
            }
        }
    }

    private async Task CopyAsync(ShardConnections connections, string joined, CancellationToken cancellationToken)
    {
        var copier = new BlockCopier(memory, connections, membership.Current.Epoch, logger);
        IEnumerable<string> HomesOf(Compression.Blocks.BlockId id) => membership.Current.Shards.HomesOf(id).Where(home => home == joined);
        await copier.CopyAsync(HomesOf, cancellationToken);

        // Writers hear with their next heartbeat that there is a new home; what they put here until then goes too.
        await Task.Delay(2 * membership.HeartbeatInterval, time, cancellationToken);
        await copier.CopyAsync(HomesOf, cancellationToken);
        Log.CopiedToJoined(logger, copier.CopiedCount, joined, copier.KnownCount);
    }
}
