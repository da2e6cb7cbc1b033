using KvCluster.DecodeWorker.Direct;
using KvCluster.Inference.Engine;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>
/// Takes in a prompt's KV while a prefill worker still computes it. When prefill has ended, what is under way may finish; once
/// nothing arrives any more, a last look without waiting finds what the store holds after all, and the rest is left to be computed.
/// </summary>
/// <remarks>
/// Handed over directly, only the cached prefix is read from the store. If what the prefill worker sends breaks off, is refused, or stops once the
/// first token is there, everything that is missing comes from the store as above.
/// </remarks>
internal sealed class HandOver(
    DecodePlan plan, DecodeParts parts, BlockFetch fetch, BlockIntake intake, DirectIntake? direct, DecodeCommands prefill)
{
    private readonly TimeSpan _quiet = TimeSpan.FromMilliseconds(parts.Options.HandOverQuietMs);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (direct is null || !await TakeDirectlyAsync(direct, cancellationToken))
        {
            await ReadFromStoreAsync(direct is null ? plan.CachedBlockCount : 0, cancellationToken);
        }
    }

    /// <returns>Whether all is here.</returns>
    private async Task<bool> TakeDirectlyAsync(DirectIntake direct, CancellationToken cancellationToken)
    {
        Task prefix = fetch.ReadPrefixAsync(plan.CachedBlockCount, cancellationToken);
        try
        {
            await Task.WhenAny(direct.Over, prefill.FirstToken, prefill.PrefillEnded).WaitAsync(cancellationToken);
            await UntilQuietAsync(direct.Over, () => direct.SlabCount, cancellationToken);
        }
        finally
        {
            await prefix;
        }

        if (intake.IsComplete)
        {
            parts.Metrics.RecordHandOver("direct");
            return true;
        }

        string reason = direct.Over.IsCompleted ? "broken" : "late";
        direct.GiveUp();
        parts.Metrics.RecordHandOver(reason);
        Direct.Log.FellBack(parts.Log, plan.RequestId, reason, direct.SlabCount);
        return false;
    }

    private async Task ReadFromStoreAsync(int heldBlockCount, CancellationToken cancellationToken)
    {
        using var stopFirst = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var first = fetch.ReadMissingAsync(TimeSpan.FromMilliseconds(parts.Options.PrefillTimeoutMs), heldBlockCount, stopFirst.Token);
        try
        {
            await Task.WhenAny(first, prefill.PrefillEnded).WaitAsync(cancellationToken);
            await UntilQuietAsync(first, () => fetch.ArrivalCount, cancellationToken);
        }
        finally
        {
            await stopFirst.CancelAsync();
            await first.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!intake.IsComplete)
        {
            await prefill.PrefillEnded.WaitAsync(cancellationToken);
            await fetch.ReadMissingAsync(TimeSpan.Zero, 0, cancellationToken);
        }
    }

    private async Task UntilQuietAsync(Task end, Func<long> countArrivals, CancellationToken cancellationToken)
    {
        for (long seen = -1; !end.IsCompleted && countArrivals() != seen;)
        {
            seen = countArrivals();
            await Task.WhenAny(end, Task.Delay(_quiet, parts.Time, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
