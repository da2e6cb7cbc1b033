using KvCluster.KvStore.Hosting;
using KvCluster.KvStore.Tiers;
using KvCluster.ServiceDefaults.Membership;
using Microsoft.Extensions.Options;

namespace KvCluster.KvStore.Puts;

/// <summary>
/// Brings what the Gateway knows of epochs into the tier. A shard that has just started has seen no writer, so it takes no Put before the Gateway has
/// told it which incarnations are current: a late write of an old one would look like the first of a new one.
/// </summary>
internal sealed class EpochFence(IBlockTier tier, IOptions<KvStoreOptions> options) : IWorkerEpochObserver
{
    private volatile bool _isInformed = options.Value.GatewayAddress.Length == 0;

    public bool TakesPuts => _isInformed;

    public void Observe(IEnumerable<V1.WorkerEpoch> epochs)
    {
        foreach (V1.WorkerEpoch worker in epochs)
        {
            tier.NoteEpoch(worker.WorkerId, worker.Epoch);
        }

        _isInformed = true;
    }
}
