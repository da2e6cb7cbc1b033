using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>Turns of a <see cref="WorkerPool"/>. Its state is what workers report: after a move they register again.</summary>
internal sealed class WorkerPoolGrain(GatewayOptions options, TimeProvider time) : Grain, IWorkerPoolGrain
{
    private WorkerPool? _pool;

    private WorkerPool Pool => _pool ??= new WorkerPool(
        PoolKey.RoleOf(this.GetPrimaryKeyString()) == PoolRole.Decode ? new DecodeRoutingPolicy() : new PrefillRoutingPolicy(),
        TimeSpan.FromMilliseconds(options.HeartbeatIntervalMs),
        time);

    public Task Join(WorkerInfo worker, ulong epoch)
    {
        Pool.Join(worker, epoch);
        return Task.CompletedTask;
    }

    public Task<bool> Report(string workerId, ulong epoch, LoadReport load) => Task.FromResult(Pool.Report(workerId, epoch, load));

    public Task<bool> Leave(string workerId, ulong epoch, bool draining) => Task.FromResult(Pool.Leave(workerId, epoch, draining));

    public Task Suspect(string workerId, ulong epoch)
    {
        Pool.Suspect(workerId, epoch);
        return Task.CompletedTask;
    }

    public Task<LoadReport?> LoadOf(string workerId, ulong epoch) => Task.FromResult(Pool.LoadOf(workerId, epoch));

    public Task<WorkerState[]> Snapshot() => Task.FromResult(Pool.Snapshot());

    public Task<Placement?> Acquire(PlacementQuery query) => Task.FromResult(Pool.Acquire(query));

    public Task Release(long reservationId)
    {
        Pool.Release(reservationId);
        return Task.CompletedTask;
    }
}
