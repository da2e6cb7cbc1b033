using Grpc.Core;
using KvCluster.Protocol.Shards;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>A small real Gateway: keeps who is a member, gives epochs, and says which shards came lately or leave.</summary>
internal sealed class ShardGateway : Cluster.ClusterBase, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Member> _members = [];
    private WebApplication? _app;
    private ulong _epoch = 100;
    private int _heartbeatCount;

    public string Address { get; private set; } = "";

    public int ReplicaCount { get; init; } = 1;

    /// <summary>Heartbeats answered so far.</summary>
    public int HeartbeatCount => Volatile.Read(ref _heartbeatCount);

    public static async Task<ShardGateway> StartAsync(int replicaCount = 1)
    {
        var gateway = new ShardGateway { ReplicaCount = replicaCount };
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            [], new Dictionary<string, string?> { ["Logging:LogLevel:Default"] = "None" }, isEmbedded: true);
        builder.AddServiceDefaults("gateway-test").ListenForGrpc(ListenAddress.Parse("http://127.0.0.1:0"));
        builder.Services.AddSingleton(gateway);
        gateway._app = builder.Build();
        gateway._app.MapGrpcService<ShardGateway>();
        await ServiceHost.StartAsync(gateway._app).Soon();
        gateway.Address = ServiceHost.Addresses(gateway._app.Services)[0];
        return gateway;
    }

    /// <summary>Registers an incarnation of a worker, or of a shard that only exists on paper.</summary>
    public ulong Join(WorkerDescription worker)
    {
        lock (_lock)
        {
            _members[worker.WorkerId] = new Member(worker, ++_epoch);
            return _epoch;
        }
    }

    public void Forget(string workerId)
    {
        lock (_lock)
        {
            _members.Remove(workerId);
        }
    }

    /// <summary>All shards have been here for long.</summary>
    public void Settle()
    {
        lock (_lock)
        {
            foreach (Member member in _members.Values)
            {
                member.IsSettled = true;
            }
        }
    }

    public ShardView View()
    {
        lock (_lock)
        {
            Member[] shards = [.. _members.Values.Where(member => member.Worker.Role == WorkerRole.Kvstore)];
            return new ShardView(
                shards.Where(shard => !shard.IsDraining).Select(shard => shard.Worker.Address),
                ReplicaCount,
                shards.Where(shard => !shard.IsDraining && !shard.IsSettled).Select(shard => shard.Worker.Address),
                shards.Where(shard => shard.IsDraining).Select(shard => shard.Worker.Address));
        }
    }

    public override Task<RegisterReply> Register(RegisterRequest request, ServerCallContext context)
    {
        var reply = new RegisterReply { Epoch = Join(request.Worker), HeartbeatIntervalMs = 100, ReplicaCount = ReplicaCount };
        reply.KvstoreAddresses.AddRange(View().Live);
        reply.ShardMoves.AddRange(Moves());
        reply.WorkerEpochs.AddRange(Epochs());
        return Task.FromResult(reply);
    }

    public override Task<HeartbeatReply> Heartbeat(HeartbeatRequest request, ServerCallContext context)
    {
        lock (_lock)
        {
            if (!_members.TryGetValue(request.WorkerId, out Member? member) || member.Epoch != request.Epoch)
            {
                throw new RpcException(new Status(StatusCode.NotFound, "who?"));
            }
        }

        var reply = new HeartbeatReply { ReplicaCount = ReplicaCount };
        reply.KvstoreAddresses.AddRange(View().Live);
        reply.ShardMoves.AddRange(Moves());
        reply.WorkerEpochs.AddRange(Epochs());
        Interlocked.Increment(ref _heartbeatCount);
        return Task.FromResult(reply);
    }

    public override Task<DeregisterReply> Deregister(DeregisterRequest request, ServerCallContext context)
    {
        lock (_lock)
        {
            if (_members.TryGetValue(request.WorkerId, out Member? member) && member.Epoch == request.Epoch)
            {
                member.IsDraining = true;
                if (!request.Draining)
                {
                    _members.Remove(request.WorkerId);
                }
            }
        }

        return Task.FromResult(new DeregisterReply());
    }

    /// <summary>Every member has heard from this Gateway after this was called.</summary>
    public async Task HeardByAllAsync()
    {
        int from = HeartbeatCount;
        await Eventually.TrueAsync(() => HeartbeatCount > from + (4 * _members.Count));
    }

    public async ValueTask DisposeAsync()
    {
        await _app!.StopAsync().Soon();
        await _app.DisposeAsync();
    }

    private List<WorkerEpoch> Epochs()
    {
        lock (_lock)
        {
            return [.. _members.Values.Select(member => new WorkerEpoch { WorkerId = member.Worker.WorkerId, Epoch = member.Epoch })];
        }
    }

    private List<ShardMove> Moves()
    {
        lock (_lock)
        {
            return
            [
                .. _members.Values
                    .Where(member => member.Worker.Role == WorkerRole.Kvstore && (member.IsDraining || !member.IsSettled))
                    .Select(member => new ShardMove { Address = member.Worker.Address, IsLeaving = member.IsDraining, Epoch = member.Epoch }),
            ];
        }
    }

    private sealed class Member(WorkerDescription worker, ulong epoch)
    {
        public WorkerDescription Worker => worker;

        public ulong Epoch => epoch;

        public bool IsDraining { get; set; }

        public bool IsSettled { get; set; }
    }
}
