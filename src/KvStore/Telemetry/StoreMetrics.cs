using System.Diagnostics.Metrics;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Telemetry;

/// <summary>The instruments <c>kvcluster.kvstore.*</c>: what <c>Stat</c> says, for scrapers.</summary>
internal sealed class StoreMetrics : IHostedService, IDisposable
{
    private readonly Meter _meter = new("kvcluster.kvstore");

    public StoreMetrics(IBlockTier tier)
    {
        StoreCounters counters = tier.Counters;
        Count("put.slabs", null, () => counters.PutSlabs, "Slabs stored.");
        Count("put", "By", () => counters.PutBytes, "Bytes of slabs stored.");
        Count("get.slabs", null, () => counters.GetSlabs, "Slabs sent to readers.");
        Count("get", "By", () => counters.GetBytes, "Bytes of slabs sent to readers.");
        Count("cut_through.slabs", null, () => counters.CutThroughSlabs, "Slabs sent while their block was still being put.");
        Count("hit.blocks", null, () => counters.HitBlocks, "Blocks asked for and found.");
        Count("miss.blocks", null, () => counters.MissBlocks, "Blocks asked for and not found.");
        Count("evicted.blocks", null, () => counters.EvictedBlocks, "Blocks evicted for room.");
        Count("over_quota.blocks", null, () => counters.OverQuotaBlocks, "Blocks evicted because their owner was over its quota.");
        Count("expired.blocks", null, () => counters.ExpiredBlocks, "Blocks dropped because nobody had asked for them in time.");
        Count("dropped.blocks", null, () => counters.DroppedBlocks, "Blocks dropped on request.");
        Count("aborted.blocks", null, () => counters.AbortedBlocks, "Blocks whose writers went away before they were complete.");
        Count("handed_over.blocks", null, () => counters.HandedOver, "Blocks copied to other shards, as one joined or before this one stopped.");
        Count("not_handed_over.blocks", null, () => counters.NotHandedOver, "Blocks that another shard did not take or could not be given; each attempt counts.");
        Count("refused.slabs", null, () => counters.RefusedSlabs, "Slabs refused by verification at Put.");
        Count("corrupt.slabs", null, () => counters.CorruptSlabs, "Stored slabs found bad at Get.");
        Count("stale_epoch.puts", null, () => counters.StaleEpochPuts, "Puts of an older incarnation of a worker.");
        foreach (IColdTier cold in tier.ColdTiers)
        {
            if (cold is DiskTier)
            {
                AddDisk(cold, counters);
            }
            else if (cold is RedisTier redis)
            {
                AddRedis(redis);
            }
        }

        Measure("used", "By", () => tier.Stat().ByteCount, "Bytes of slabs held.");
        Measure("budget", "By", () => tier.Stat().ByteBudget, "Most bytes of slabs that may be held.");
        Measure("blocks", null, () => tier.Stat().BlockCount, "Blocks held, pending ones too.");
        Measure("pinned", "By", () => tier.Stat().PinnedByteCount, "Bytes of blocks under a pin.");
        Measure("leased_blocks", null, () => tier.Stat().LeasedBlockCount, "Blocks under a lease.");
        Measure("pending_blocks", null, () => tier.Stat().PendingBlockCount, "Blocks that are being put.");
        Measure("waiting_readers", null, () => tier.Stat().WaitingReaderCount, "Blocks or layers that readers wait for.");
    }

    private void AddDisk(IColdTier cold, StoreCounters counters)
    {
        Count("disk.hit.blocks", null, () => counters.BelowHitBlocks, "Blocks asked for that only a tier below memory held.");
        Count("disk.promoted.blocks", null, () => counters.PromotedBlocks, "Blocks brought up from below into memory.");
        Count("disk.demoted.blocks", null, () => cold.Counters.DemotedBlocks, "Blocks queued for the disk.");
        Count("disk.declined.blocks", null, () => cold.Counters.DeclinedBlocks, "Blocks that were not worth a write to disk.");
        Count("disk.write", "By", () => cold.Counters.WrittenBytes, "Bytes of slabs written to disk.");
        Count("disk.read", "By", () => cold.Counters.ReadBytes, "Bytes of slabs read from disk.");
        Count("disk.skipped.writes", null, () => cold.Counters.SkippedWrites, "Blocks not written: queue full, no room, or a pause after a failure.");
        Count("disk.failed.writes", null, () => cold.Counters.FailedWrites, "Writes that the device refused.");
        Count("disk.failed.reads", null, () => cold.Counters.FailedReads, "Reads that the device refused.");
        Count("disk.corrupt.blocks", null, () => cold.Counters.CorruptBlocks, "Blocks found damaged on disk, and dropped.");
        Count("disk.unreadable.blocks", null, () => cold.Counters.UnreadableBlocks, "Blocks on disk sealed with a key that is not known.");
        Count("disk.reclaimed.blocks", null, () => cold.Counters.ReclaimedBlocks, "Blocks dropped from disk for room.");
        Count("disk.carried.blocks", null, () => cold.Counters.CarriedBlocks, "Blocks written again when their segment was reclaimed.");
        Measure("disk.used", "By", () => cold.Stat().ByteCount, "Bytes of files in the data folder.");
        Measure("disk.budget", "By", () => cold.Stat().ByteBudget, "Most bytes of files that may be there.");
        Measure("disk.blocks", null, () => cold.Stat().BlockCount, "Blocks on disk.");
        Measure("disk.queued", "By", () => cold.Stat().QueuedByteCount, "Bytes that wait to be written.");
    }

    private void AddRedis(RedisTier redis)
    {
        ColdCounters counters = redis.Counters;
        Count("redis.demoted.blocks", null, () => counters.DemotedBlocks, "Blocks queued for Redis.");
        Count("redis.declined.blocks", null, () => counters.DeclinedBlocks, "Blocks that were not worth a write to Redis.");
        Count("redis.write", "By", () => counters.WrittenBytes, "Bytes of slabs written to Redis.");
        Count("redis.shared.blocks", null, () => redis.RedisCounters.SharedBlocks, "Blocks not sent because another shard had written them.");
        Count("redis.read", "By", () => counters.ReadBytes, "Bytes of slabs read from Redis.");
        Count("redis.located.blocks", null, () => redis.RedisCounters.LocatedBlocks, "Blocks found by asking Redis.");
        Count("redis.vanished.blocks", null, () => redis.RedisCounters.VanishedBlocks, "Blocks gone from Redis when they were read.");
        Count("redis.skipped.writes", null, () => counters.SkippedWrites, "Blocks not written: queue full, or Redis did not answer.");
        Count("redis.failed.writes", null, () => counters.FailedWrites, "Writes that failed.");
        Count("redis.failed.reads", null, () => counters.FailedReads, "Reads that failed.");
        Count("redis.failed.queries", null, () => redis.RedisCounters.FailedQueries, "Questions that were not answered: the blocks counted as not held.");
        Count("redis.corrupt.blocks", null, () => counters.CorruptBlocks, "Blocks found damaged in Redis, and dropped.");
        Count("redis.unreadable.blocks", null, () => counters.UnreadableBlocks, "Blocks in Redis sealed with a key that is not known, or not sealed.");
        Count("redis.timeouts", null, () => redis.RedisCounters.Timeouts, "Commands that were not answered in time.");
        Count("redis.outages", null, () => redis.RedisCounters.Outages, "Times when Redis was given up for a while.");
        Measure("redis.answering", null, () => redis.IsAnswering ? 1 : 0, "1 while Redis is asked, 0 while it is given up.");
        Measure("redis.queued", "By", () => redis.Stat().QueuedByteCount, "Bytes that wait to be written to Redis.");
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    private void Count(string name, string? unit, Func<long> read, string description) =>
        _meter.CreateObservableCounter($"kvcluster.kvstore.{name}", read, unit, description);

    private void Measure(string name, string? unit, Func<long> read, string description) =>
        _meter.CreateObservableGauge($"kvcluster.kvstore.{name}", read, unit, description);
}
