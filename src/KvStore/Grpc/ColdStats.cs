using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tiers;
using KvCluster.V1;

namespace KvCluster.KvStore.Grpc;

/// <summary>What cold tiers say in <c>Stat</c>.</summary>
internal static class ColdStats
{
    public static DiskStat Describe(DiskTier tier, StoreCounters store)
    {
        ColdStat stat = tier.Stat();
        ColdCounters counters = tier.Counters;
        return new DiskStat
        {
            BlockCount = stat.BlockCount,
            ByteCount = stat.ByteCount,
            ByteBudget = stat.ByteBudget,
            SegmentCount = stat.SegmentCount,
            QueuedByteCount = stat.QueuedByteCount,
            HeldBlockCount = stat.HeldBlockCount,
            HitBlocks = store.BelowHitBlocks,
            PromotedBlocks = store.PromotedBlocks,
            DemotedBlocks = counters.DemotedBlocks,
            DeclinedBlocks = counters.DeclinedBlocks,
            WrittenBlocks = counters.WrittenBlocks,
            WrittenBytes = counters.WrittenBytes,
            ReadBlocks = counters.ReadBlocks,
            ReadBytes = counters.ReadBytes,
            SkippedWrites = counters.SkippedWrites,
            FailedWrites = counters.FailedWrites,
            FailedReads = counters.FailedReads,
            CorruptBlocks = counters.CorruptBlocks,
            ReclaimedBlocks = counters.ReclaimedBlocks,
            CarriedBlocks = counters.CarriedBlocks,
            UnreadableBlocks = counters.UnreadableBlocks,
        };
    }

    public static RedisStat Describe(RedisTier tier)
    {
        ColdStat stat = tier.Stat();
        ColdCounters counters = tier.Counters;
        RedisCounters redis = tier.RedisCounters;
        return new RedisStat
        {
            IsAnswering = tier.IsAnswering,
            KnownBlockCount = stat.BlockCount,
            QueuedByteCount = stat.QueuedByteCount,
            HeldBlockCount = stat.HeldBlockCount,
            DemotedBlocks = counters.DemotedBlocks,
            DeclinedBlocks = counters.DeclinedBlocks,
            WrittenBlocks = counters.WrittenBlocks,
            WrittenBytes = counters.WrittenBytes,
            SharedBlocks = redis.SharedBlocks,
            ReadBlocks = counters.ReadBlocks,
            ReadBytes = counters.ReadBytes,
            SkippedWrites = counters.SkippedWrites,
            FailedWrites = counters.FailedWrites,
            FailedReads = counters.FailedReads,
            CorruptBlocks = counters.CorruptBlocks,
            LocatedBlocks = redis.LocatedBlocks,
            VanishedBlocks = redis.VanishedBlocks,
            FailedQueries = redis.FailedQueries,
            Timeouts = redis.Timeouts,
            Outages = redis.Outages,
            UnreadableBlocks = counters.UnreadableBlocks,
        };
    }
}
