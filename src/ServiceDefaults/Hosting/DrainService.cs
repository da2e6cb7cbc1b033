using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>
/// Stops a host gently: not ready first, then the drainables in the order of registration, then (by the host itself) the server.
/// Runs before any hosted service is stopped.
/// </summary>
internal sealed class DrainService(
    HostReadiness readiness,
    IEnumerable<IDrainable> drainables,
    IOptions<ServiceOptions> options,
    TimeProvider time,
    ILogger<DrainService> logger) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        readiness.Started();
        return Task.CompletedTask;
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        readiness.Drain();
        ServiceOptions settings = options.Value;
        using var timeout = new CancellationTokenSource(settings.DrainTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            if (settings.DrainDelay > TimeSpan.Zero)
            {
                await Task.Delay(settings.DrainDelay, time, either.Token);
            }

            foreach (IDrainable drainable in drainables)
            {
                await drainable.DrainAsync(either.Token);
            }
        }
        catch (OperationCanceledException)
        {
            Log.DrainTimedOut(logger, settings.DrainTimeout);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
