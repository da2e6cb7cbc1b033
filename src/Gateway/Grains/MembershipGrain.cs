using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>
/// Epochs are UTC milliseconds, raised by one when that would not rise, so that they also rise over restarts of the Gateway.
/// </summary>
[Orleans.Concurrency.Reentrant]
internal sealed class MembershipGrain(TimeProvider time) : Grain, IMembershipGrain
{
    private readonly Dictionary<string, (string PoolKey, ulong Epoch)> _workers = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _poolKeys = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _firstSeen = new(StringComparer.Ordinal);
    private ulong _lastEpoch;

    public async Task<ulong> Register(WorkerInfo worker)
    {
        DateTimeOffset now = time.GetUtcNow();
        ulong epoch = _lastEpoch = Math.Max(_lastEpoch + 1, (ulong)now.ToUnixTimeMilliseconds());
        string key = PoolKey.Of(worker);
        _workers.TryGetValue(worker.WorkerId, out (string PoolKey, ulong Epoch) earlier);
        _workers[worker.WorkerId] = (key, epoch);
        _poolKeys.Add(key);
        _firstSeen.TryAdd(worker.Model, now);
        if (earlier.PoolKey is not null && earlier.PoolKey != key)
        {
            await Pool(earlier.PoolKey).Leave(worker.WorkerId, earlier.Epoch, draining: false);
        }

        await Pool(key).Join(worker, epoch);
        return epoch;
    }

    public Task<bool> Heartbeat(string workerId, ulong epoch, LoadReport load) =>
        _workers.TryGetValue(workerId, out (string PoolKey, ulong Epoch) known) && known.Epoch == epoch
            ? Pool(known.PoolKey).Report(workerId, epoch, load)
            : Task.FromResult(false);

    public async Task Deregister(string workerId, ulong epoch, bool draining)
    {
        if (!_workers.TryGetValue(workerId, out (string PoolKey, ulong Epoch) known) || known.Epoch != epoch)
        {
            return;
        }

        if (!draining)
        {
            _workers.Remove(workerId);
        }

        await Pool(known.PoolKey).Leave(workerId, epoch, draining);
    }

    public async Task<WorkerState[]> ListWorkers()
    {
        WorkerState[][] pools = await Task.WhenAll(_poolKeys.Select(key => Pool(key).Snapshot()));
        return [.. pools.SelectMany(states => states)];
    }

    public Task<Dictionary<string, ulong>> EpochsFor(string workerId)
    {
        bool takesSlabs = _workers.TryGetValue(workerId, out (string PoolKey, ulong Epoch) asking)
            && PoolKey.RoleOf(asking.PoolKey) is PoolRole.KvStore or PoolRole.Decode;
        return Task.FromResult(takesSlabs ? _workers.ToDictionary(worker => worker.Key, worker => worker.Value.Epoch) : []);
    }

    public Task<DateTimeOffset?> FirstSeen(string model) =>
        Task.FromResult(_firstSeen.TryGetValue(model, out DateTimeOffset seen) ? seen : (DateTimeOffset?)null);

    private IWorkerPoolGrain Pool(string key) => GrainFactory.GetGrain<IWorkerPoolGrain>(key);
}
