using KvCluster.V1;

namespace KvCluster.ServiceDefaults.Membership;

/// <summary>Hears from the Gateway which incarnations of workers are current; only KvStore shards and decode workers are told.</summary>
public interface IWorkerEpochObserver
{
    /// <summary>Called at registration, before this host counts as registered, and with every heartbeat.</summary>
    public void Observe(IEnumerable<WorkerEpoch> epochs);
}
