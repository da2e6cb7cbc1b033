using Microsoft.Extensions.Hosting;

namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>Lifetime of a host inside a process that is not its own: signals are the process's.</summary>
internal sealed class EmbeddedLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
