using System.Threading.Channels;
using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

/// <summary>A small real Gateway: gives epochs, notes what it hears, and forgets workers when told to.</summary>
internal sealed class TestGateway : Cluster.ClusterBase
{
    private readonly Channel<string> _heard = Channel.CreateUnbounded<string>();
    private ulong _epoch;

    public volatile bool IsForgetful;

    public volatile bool HasNoShards;

    public int HeartbeatIntervalMs { get; init; } = 20;

    public RegisterRequest? LastRegistration { get; private set; }

    public async Task<string> HeardAsync() => await _heard.Reader.ReadAsync().Soon();

    /// <summary>What was heard next, heartbeats like the last one left out.</summary>
    public async Task<string> HeardOtherThanAsync(string noise)
    {
        string heard = await HeardAsync();
        while (heard == noise)
        {
            heard = await HeardAsync();
        }

        return heard;
    }

    public override Task<RegisterReply> Register(RegisterRequest request, ServerCallContext context)
    {
        LastRegistration = request;
        IsForgetful = false;
        _heard.Writer.TryWrite($"register {request.Worker.WorkerId}");
        return Task.FromResult(new RegisterReply { Epoch = ++_epoch, HeartbeatIntervalMs = HeartbeatIntervalMs, KvstoreAddresses = { Shards("http://store:1") } });
    }

    public override Task<HeartbeatReply> Heartbeat(HeartbeatRequest request, ServerCallContext context)
    {
        _heard.Writer.TryWrite($"heartbeat {request.Epoch} {request.Load.KvBytes}");
        return IsForgetful
            ? throw new RpcException(new Status(StatusCode.NotFound, "who?"))
            : Task.FromResult(new HeartbeatReply { KvstoreAddresses = { Shards("http://store:1", "http://store:2") } });
    }

    public override Task<DeregisterReply> Deregister(DeregisterRequest request, ServerCallContext context)
    {
        _heard.Writer.TryWrite($"deregister {request.Epoch} {request.Draining}");
        return Task.FromResult(new DeregisterReply());
    }

    private string[] Shards(params string[] addresses) => HasNoShards ? [] : addresses;
}
