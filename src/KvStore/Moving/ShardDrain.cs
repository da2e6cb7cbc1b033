using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Shards;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Membership;

namespace KvCluster.KvStore.Moving;

/// <summary>
/// A shard that leaves hands its blocks over to those whose homes are among the others from now on, for as long as the time to stop allows. Until
/// then it is read as before. A shard with a lower tier keeps its blocks there instead.
/// </summary>
internal sealed class ShardDrain(
    MemoryTier memory, IBlockTier tier, IClusterMembership membership, TimeProvider time, ILogger<ShardDrain> logger) : IDrainable
{
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        if (tier.ColdTiers.Count > 0 || membership.Current.Epoch == 0 || Others().Live.Count == 0)
        {
            return;
        }

        using var connections = new ShardConnections(membership.WorkerId, time: time);
        var copier = new BlockCopier(memory, connections, membership.Current.Epoch, logger);
        try
        {
            int copiedCount;
            do
            {
                copiedCount = copier.CopiedCount;
                await copier.CopyAsync(id => Others().HomesOf(id), cancellationToken);

                // Writers hear with their next heartbeat that this shard leaves; what they put here until then, and what they are at, goes too.
                await Task.Delay(2 * membership.HeartbeatInterval, time, cancellationToken);
            }
            while (copier.CopiedCount > copiedCount || memory.Stat().PendingBlockCount > 0);
            Log.HandedOver(logger, copier.CopiedCount, copier.KnownCount);
        }
        catch (OperationCanceledException)
        {
            Log.CutShort(logger);
            throw;
        }
    }

    private ShardView Others() => membership.Current.Shards.Without(membership.Address);
}
