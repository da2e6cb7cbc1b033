using System.Collections.Concurrent;
using KvCluster.ServiceDefaults.Membership;
using KvCluster.V1;

namespace KvCluster.DecodeWorker.Direct;

/// <summary>The latest incarnation known of each worker: as the Gateway says, and as writers say themselves. Thread-safe.</summary>
internal sealed class CurrentEpochs : IWorkerEpochObserver
{
    private readonly ConcurrentDictionary<string, ulong> _latest = new(StringComparer.Ordinal);

    public void Observe(IEnumerable<WorkerEpoch> epochs)
    {
        foreach (WorkerEpoch worker in epochs)
        {
            Observe(worker.WorkerId, worker.Epoch);
        }
    }

    /// <summary>For an epoch that is certain: of the Gateway, or of a slab that was verified.</summary>
    public void Observe(string workerId, ulong epoch) => _latest.AddOrUpdate(workerId, epoch, (_, known) => Math.Max(known, epoch));

    /// <summary>Whether a newer incarnation is known.</summary>
    public bool IsOver(string workerId, ulong epoch) => _latest.TryGetValue(workerId, out ulong latest) && epoch < latest;
}
