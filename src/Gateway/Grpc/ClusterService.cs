using Grpc.Core;
using KvCluster.Gateway.Grains;
using KvCluster.Gateway.Routing;
using KvCluster.V1;

namespace KvCluster.Gateway.Grpc;

/// <summary>Membership of workers and KvStore shards.</summary>
internal sealed class ClusterService(IGrainFactory grains, GatewayOptions options, ILogger<ClusterService> logger) : Cluster.ClusterBase
{
    private static readonly Status UnknownWorker = new(
        StatusCode.NotFound, "this incarnation of the worker is not registered (any more); register again");

    private IMembershipGrain Membership => grains.GetGrain<IMembershipGrain>(IMembershipGrain.Key);

    public override async Task<RegisterReply> Register(RegisterRequest request, ServerCallContext context)
    {
        WorkerInfo worker = WorkerMessages.Read(request.Worker);
        ulong epoch = await Membership.Register(worker);
        Log.WorkerJoined(logger, worker.WorkerId, PoolKey.Of(worker), worker.Address, epoch);
        var reply = new RegisterReply { Epoch = epoch, HeartbeatIntervalMs = options.HeartbeatIntervalMs };
        reply.KvstoreAddresses.AddRange(await KvStoreAddressesAsync());
        return reply;
    }

    public override async Task<HeartbeatReply> Heartbeat(HeartbeatRequest request, ServerCallContext context)
    {
        if (!await Membership.Heartbeat(request.WorkerId, request.Epoch, WorkerMessages.Read(request.Load)))
        {
            throw new RpcException(UnknownWorker);
        }

        var reply = new HeartbeatReply();
        reply.KvstoreAddresses.AddRange(await KvStoreAddressesAsync());
        return reply;
    }

    public override async Task<DeregisterReply> Deregister(DeregisterRequest request, ServerCallContext context)
    {
        await Membership.Deregister(request.WorkerId, request.Epoch, request.Draining);
        return new DeregisterReply();
    }

    public override async Task<ListWorkersReply> ListWorkers(ListWorkersRequest request, ServerCallContext context)
    {
        var reply = new ListWorkersReply();
        reply.Workers.AddRange((await Membership.ListWorkers()).Select(WorkerMessages.ToMessage));
        return reply;
    }

    /// <summary>In the order of worker ids, the same for all who ask.</summary>
    private async Task<IEnumerable<string>> KvStoreAddressesAsync()
    {
        WorkerState[] shards = await grains.GetGrain<IWorkerPoolGrain>(PoolKey.KvStore).Snapshot();
        return shards.Where(shard => !shard.IsDraining).Select(shard => shard.Worker.Address);
    }
}
