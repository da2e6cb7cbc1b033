using KvCluster.Inference.Engine;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>
/// Takes in a prompt's KV while a prefill worker still computes it. When prefill has ended, what is under way may finish; once
/// nothing arrives any more, a last look without waiting finds what the store holds after all, and the rest is left to be computed.
/// </summary>
internal sealed class HandOver(
    BlockFetch fetch, BlockIntake intake, int cachedBlockCount, Task prefillEnded, DecodeWorkerOptions options, TimeProvider time)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stopFirst = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var first = fetch.ReadMissingAsync(TimeSpan.FromMilliseconds(options.PrefillTimeoutMs), cachedBlockCount, stopFirst.Token);
        try
        {
            await Task.WhenAny(first, prefillEnded).WaitAsync(cancellationToken);
            await UntilQuietAsync(first, cancellationToken);
        }
        finally
        {
            await stopFirst.CancelAsync();
            await first.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!intake.IsComplete)
        {
            await prefillEnded.WaitAsync(cancellationToken);
            await fetch.ReadMissingAsync(TimeSpan.Zero, 0, cancellationToken);
        }
    }

    private async Task UntilQuietAsync(Task read, CancellationToken cancellationToken)
    {
        var quiet = TimeSpan.FromMilliseconds(options.HandOverQuietMs);
        for (long seen = -1; !read.IsCompleted && fetch.ArrivalCount != seen;)
        {
            seen = fetch.ArrivalCount;
            await Task.WhenAny(read, Task.Delay(quiet, time, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
