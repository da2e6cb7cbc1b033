using Grpc.Net.Client;
using KvCluster.Protocol.Streams;

namespace KvCluster.Protocol.Shards;

/// <summary>The connections to one shard: its gRPC channel and, where it serves them, slab streams.</summary>
internal sealed class ShardConnection : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly SlabStreamInvoker? _streams;

    /// <param name="channel">To the shard.</param>
    /// <param name="address">Of the channel; null to have all calls go over it.</param>
    /// <param name="time">Paces attempts to connect.</param>
    public ShardConnection(GrpcChannel channel, string? address, TimeProvider? time)
    {
        _channel = channel;
        _streams = address is null ? null : new SlabStreamInvoker(channel.CreateCallInvoker(), address, time);
        Client = new V1.KvStore.KvStoreClient(_streams ?? channel.CreateCallInvoker());
    }

    public V1.KvStore.KvStoreClient Client { get; }

    public void Dispose()
    {
        _streams?.Dispose();
        _channel.Dispose();
    }
}
