using System.Collections.Concurrent;
using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.Workers.Tests;

/// <summary>The Gateway's side of membership: a small real one that names a given store.</summary>
internal sealed class TestMembership : V1.Cluster.ClusterBase
{
    private ulong _epoch;

    public string StoreAddress { get; set; } = "";

    public ConcurrentDictionary<string, WorkerLoad> Loads { get; } = new();

    public ConcurrentDictionary<string, WorkerDescription> Workers { get; } = new();

    public ConcurrentDictionary<string, ulong> Epochs { get; } = new();

    public override Task<RegisterReply> Register(RegisterRequest request, ServerCallContext context)
    {
        Workers[request.Worker.WorkerId] = request.Worker;
        var epoch = Epochs[request.Worker.WorkerId] = Interlocked.Increment(ref _epoch);
        return Task.FromResult(new RegisterReply
        {
            Epoch = epoch,
            HeartbeatIntervalMs = 20,
            KvstoreAddresses = { StoreAddress },
            WorkerEpochs = { CurrentEpochs() },
        });
    }

    public override Task<HeartbeatReply> Heartbeat(HeartbeatRequest request, ServerCallContext context)
    {
        Loads[request.WorkerId] = request.Load;
        return Task.FromResult(new HeartbeatReply { KvstoreAddresses = { StoreAddress }, WorkerEpochs = { CurrentEpochs() } });
    }

    public override Task<DeregisterReply> Deregister(DeregisterRequest request, ServerCallContext context)
    {
        Workers.TryRemove(request.WorkerId, out _);
        return Task.FromResult(new DeregisterReply());
    }

    private IEnumerable<WorkerEpoch> CurrentEpochs() => Epochs.Select(worker => new WorkerEpoch { WorkerId = worker.Key, Epoch = worker.Value });
}
