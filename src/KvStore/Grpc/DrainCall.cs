using Grpc.Core;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tiers;
using KvCluster.V1;

namespace KvCluster.KvStore.Grpc;

/// <summary>Writes what memory holds to every tier below, one after the other, and says how far it is.</summary>
internal sealed class DrainCall(TieredStore store, TimeProvider time)
{
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMilliseconds(200);

    public async Task RunAsync(IServerStreamWriter<DrainReply> output, CancellationToken cancellationToken)
    {
        foreach (IColdTier tier in store.ColdTiers)
        {
            var progress = new LatestProgress();
            Task<int> flush = store.FlushAsync(tier, progress, cancellationToken);
            while (!flush.IsCompleted)
            {
                await Task.WhenAny(flush, Task.Delay(ReportInterval, time, cancellationToken));
                if (!flush.IsCompleted)
                {
                    await output.WriteAsync(Describe(tier, progress.Latest), cancellationToken);
                }
            }

            await flush;
            DrainReply last = Describe(tier, progress.Latest);
            last.IsDone = true;
            last.MissingBlockCount = await store.CountMissingAsync(tier, cancellationToken);
            await output.WriteAsync(last, cancellationToken);
        }
    }

    private static DrainReply Describe(IColdTier tier, FlushProgress progress) => new()
    {
        Tier = tier is RedisTier ? "redis" : "disk",
        SeenBlockCount = progress.SeenBlockCount,
        QueuedBlockCount = progress.QueuedBlockCount,
        BlockCount = progress.BlockCount,
    };

    private sealed class LatestProgress : IProgress<FlushProgress>
    {
        private readonly Lock _lock = new();
        private FlushProgress _latest;

        public FlushProgress Latest
        {
            get
            {
                lock (_lock)
                {
                    return _latest;
                }
            }
        }

        public void Report(FlushProgress value)
        {
            lock (_lock)
            {
                _latest = value;
            }
        }
    }
}
