using System.Collections.Concurrent;
using Grpc.Net.Client;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Protocol.Shards;

/// <summary>Connections to KvStore shards by address, made when first needed and kept. Thread-safe.</summary>
/// <param name="workerId">Who writes through them.</param>
/// <param name="create">Makes a channel; null: <see cref="GrpcChannels.Create"/>.</param>
public sealed class ShardConnections(string workerId, Func<string, GrpcChannel>? create = null) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<GrpcChannel>> _channels = new(StringComparer.Ordinal);

    public V1.KvStore.KvStoreClient ClientOf(string address) => new(_channels
        .GetOrAdd(address, key => new Lazy<GrpcChannel>(() => create is null ? GrpcChannels.Create(key) : create(key)))
        .Value);

    public BlockReader ReaderOf(string address) => new(ClientOf(address));

    /// <param name="address">The shard.</param>
    /// <param name="epoch">The worker's incarnation.</param>
    /// <param name="isCopying">The slabs were read from other shards and keep the epochs of their writers.</param>
    /// <param name="cancellationToken">Aborts the call.</param>
    public BlockWriter OpenWriter(string address, ulong epoch, bool isCopying = false, CancellationToken cancellationToken = default) =>
        new(ClientOf(address), workerId, epoch, cancellationToken: cancellationToken) { IsCopying = isCopying };

    public void Dispose()
    {
        foreach (Lazy<GrpcChannel> channel in _channels.Values)
        {
            channel.Value.Dispose();
        }
    }
}
