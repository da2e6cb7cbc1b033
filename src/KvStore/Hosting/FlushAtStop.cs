using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Hosting;

/// <summary>A planned stop loses nothing that memory holds, as far as the time to stop allows.</summary>
internal sealed class FlushAtStop(TieredStore store, ILogger<FlushAtStop> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            int count = await store.FlushAsync(cancellationToken);
            Log.Flushed(logger, count);
        }
        catch (OperationCanceledException)
        {
            Log.FlushCutShort(logger);
        }
    }
}
