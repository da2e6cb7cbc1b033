using Grpc.Core;
using KvCluster.Gateway.Grains;
using KvCluster.Gateway.Routing;
using KvCluster.Protocol.Shards;
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
        WorkerState[] states = await grains.GetGrain<IWorkerPoolGrain>(PoolKey.KvStore).Snapshot();
        ShardView shards = ShardViews.Of(states, options);
        reply.ReplicaCount = shards.ReplicaCount;
        reply.KvstoreAddresses.AddRange(shards.Live);
        reply.ShardMoves.AddRange(MovesOf(shards, states));
        reply.WorkerEpochs.AddRange(await EpochsForAsync(worker.WorkerId));
        return reply;
    }

    public override async Task<HeartbeatReply> Heartbeat(HeartbeatRequest request, ServerCallContext context)
    {
        if (!await Membership.Heartbeat(request.WorkerId, request.Epoch, WorkerMessages.Read(request.Load)))
        {
            throw new RpcException(UnknownWorker);
        }

        var reply = new HeartbeatReply();
        WorkerState[] states = await grains.GetGrain<IWorkerPoolGrain>(PoolKey.KvStore).Snapshot();
        ShardView shards = ShardViews.Of(states, options);
        reply.ReplicaCount = shards.ReplicaCount;
        reply.KvstoreAddresses.AddRange(shards.Live);
        reply.ShardMoves.AddRange(MovesOf(shards, states));
        reply.WorkerEpochs.AddRange(await EpochsForAsync(request.WorkerId));
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

    private static IEnumerable<ShardMove> MovesOf(ShardView shards, WorkerState[] states)
    {
        ShardMove Move(string address, bool isLeaving) => new()
        {
            Address = address,
            IsLeaving = isLeaving,
            Epoch = states.First(state => state.Worker.Address == address).Epoch,
        };
        return [.. shards.Joining.Select(address => Move(address, isLeaving: false)), .. shards.Leaving.Select(address => Move(address, isLeaving: true))];
    }

    private async Task<IEnumerable<WorkerEpoch>> EpochsForAsync(string workerId) =>
        (await Membership.EpochsFor(workerId)).Select(worker => new WorkerEpoch { WorkerId = worker.Key, Epoch = worker.Value });
}
