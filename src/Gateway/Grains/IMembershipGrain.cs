using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>Who is in the cluster. One grain, key <see cref="Key"/>: it gives out epochs and knows which pool a worker is in.</summary>
public interface IMembershipGrain : IGrainWithStringKey
{
    public const string Key = "cluster";

    /// <returns>The worker's epoch, higher than any given out before.</returns>
    public Task<ulong> Register(WorkerInfo worker);

    /// <returns>False when the incarnation is unknown: it has to register again.</returns>
    public Task<bool> Heartbeat(string workerId, ulong epoch, LoadReport load);

    public Task Deregister(string workerId, ulong epoch, bool draining);

    /// <summary>Members of all pools, by pool and id.</summary>
    public Task<WorkerState[]> ListWorkers();

    /// <summary>The current epoch of every worker, for a KvStore shard or decode worker; nothing for others.</summary>
    public Task<Dictionary<string, ulong>> EpochsFor(string workerId);

    /// <summary>When a worker of the model was first seen; null when none was.</summary>
    public Task<DateTimeOffset?> FirstSeen(string model);
}
