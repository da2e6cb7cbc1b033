using System.Diagnostics.Metrics;
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
        Count("dropped.blocks", null, () => counters.DroppedBlocks, "Blocks dropped on request.");
        Count("aborted.blocks", null, () => counters.AbortedBlocks, "Blocks whose writers went away before they were complete.");
        Count("refused.slabs", null, () => counters.RefusedSlabs, "Slabs refused by verification at Put.");
        Count("corrupt.slabs", null, () => counters.CorruptSlabs, "Stored slabs found bad at Get.");
        Count("stale_epoch.puts", null, () => counters.StaleEpochPuts, "Puts of an older incarnation of a worker.");
        Measure("used", "By", () => tier.Stat().ByteCount, "Bytes of slabs held.");
        Measure("budget", "By", () => tier.Stat().ByteBudget, "Most bytes of slabs that may be held.");
        Measure("blocks", null, () => tier.Stat().BlockCount, "Blocks held, pending ones too.");
        Measure("leased_blocks", null, () => tier.Stat().LeasedBlockCount, "Blocks under a lease.");
        Measure("pending_blocks", null, () => tier.Stat().PendingBlockCount, "Blocks that are being put.");
        Measure("waiting_readers", null, () => tier.Stat().WaitingReaderCount, "Blocks or layers that readers wait for.");
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    private void Count(string name, string? unit, Func<long> read, string description) =>
        _meter.CreateObservableCounter($"kvcluster.kvstore.{name}", read, unit, description);

    private void Measure(string name, string? unit, Func<long> read, string description) =>
        _meter.CreateObservableGauge($"kvcluster.kvstore.{name}", read, unit, description);
}
