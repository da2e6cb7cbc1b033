using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>The workers of one model and role, or the KvStore shards. Key: <c>model/role</c>, <c>/kvstore</c> for shards.</summary>
public interface IWorkerPoolGrain : IGrainWithStringKey
{
    /// <summary>Adds a worker, in place of its earlier incarnation.</summary>
    public Task Join(WorkerInfo worker, ulong epoch);

    /// <returns>False when the incarnation is no member: it has to register again.</returns>
    public Task<bool> Report(string workerId, ulong epoch, LoadReport load);

    /// <summary>Takes a worker out; draining ones finish their work first.</summary>
    public Task<bool> Leave(string workerId, ulong epoch, bool draining);

    /// <summary>A request lost this worker: it gets no work until its next report.</summary>
    public Task Suspect(string workerId, ulong epoch);

    /// <returns>What it last reported; null when the incarnation is no member.</returns>
    public Task<LoadReport?> LoadOf(string workerId, ulong epoch);

    public Task<WorkerState[]> Snapshot();

    /// <summary>Chooses a worker and reserves a place on it; null when no member can take work now.</summary>
    public Task<Placement?> Acquire(PlacementQuery query);

    /// <summary>Gives a reservation back; unknown ones are no error.</summary>
    public Task Release(long reservationId);
}
