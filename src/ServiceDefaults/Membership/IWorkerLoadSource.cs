using KvCluster.V1;

namespace KvCluster.ServiceDefaults.Membership;

/// <summary>How busy this worker is; asked at every heartbeat.</summary>
public interface IWorkerLoadSource
{
    public WorkerLoad CurrentLoad();
}
