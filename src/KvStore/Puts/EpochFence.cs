using KvCluster.KvStore.Hosting;
using KvCluster.KvStore.Tiers;
using KvCluster.ServiceDefaults.Membership;
using Microsoft.Extensions.Options;

namespace KvCluster.KvStore.Puts;

/// <summary>
/// Brings what the Gateway knows of epochs into the tier. A shard that has just started has seen no writer, so it takes no Put before the Gateway has
/// told it which incarnations are current: a late write of an old one would look like the first of a new one.
/// </summary>
internal sealed class EpochFence(IBlockTier tier, IOptions<KvStoreOptions> options, TimeProvider time) : IWorkerEpochObserver
{
    /// <summary>Writers may hear of a shard before it has its own answer; they are not sent away for that.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _informed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool TakesPuts => options.Value.GatewayAddress.Length == 0 || _informed.Task.IsCompleted;

    /// <summary>Waits a while for the Gateway's word.</summary>
    /// <returns>Whether Puts may be taken.</returns>
    public async ValueTask<bool> WaitAsync(CancellationToken cancellationToken)
    {
        if (!TakesPuts)
        {
            try
            {
                await _informed.Task.WaitAsync(Patience, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                // Sent away after all.
            }
        }

        return TakesPuts;
    }

    public void Observe(IEnumerable<V1.WorkerEpoch> epochs)
    {
        foreach (V1.WorkerEpoch worker in epochs)
        {
            tier.NoteEpoch(worker.WorkerId, worker.Epoch);
        }

        _informed.TrySetResult();
    }
}
