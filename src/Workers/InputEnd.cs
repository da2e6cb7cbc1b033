namespace KvCluster.Workers;

/// <summary>Stops a worker when its standard input ends: what started it wants it to, or has died.</summary>
internal sealed class InputEnd(IHostApplicationLifetime lifetime) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        // Nothing but its end ends a read of standard input, so nobody waits for it.
        _ = Task.Factory.StartNew(WaitForEnd, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void WaitForEnd()
    {
        using Stream input = Console.OpenStandardInput();
        while (input.ReadByte() >= 0)
        {
            // What it says is nothing to a worker.
        }

        lifetime.StopApplication();
    }
}
