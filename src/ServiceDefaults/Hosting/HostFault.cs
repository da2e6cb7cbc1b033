using Microsoft.Extensions.Hosting;

namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>What ends a host that runs: something that it can't do without is lost, and only a new process gets it back. Safe to use from many threads.</summary>
public sealed class HostFault(IHostApplicationLifetime lifetime) : IDisposable
{
    /// <summary>The exit code of a process whose host ended so.</summary>
    public const int ExitCode = 3;

    private readonly TaskCompletionSource<string> _message = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _raised = new();

    /// <summary>One line for the person who runs it, once it is known.</summary>
    public Task<string> Message => _message.Task;

    /// <summary>Cancelled with it: what can't go on ends at once.</summary>
    public CancellationToken Raised => _raised.Token;

    /// <summary>Says why and stops the host; the first to say so is heard. Does not wait.</summary>
    /// <param name="message">One line.</param>
    public void Raise(string message)
    {
        if (_message.TrySetResult(message))
        {
            _ = _raised.CancelAsync();
            lifetime.StopApplication();
        }
    }

    public void Dispose() => _raised.Dispose();
}
