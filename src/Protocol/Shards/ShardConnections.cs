using System.Collections.Concurrent;
using Grpc.Net.Client;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Protocol.Shards;

/// <summary>Connections to KvStore shards by address, made when first needed and kept. Thread-safe.</summary>
/// <param name="workerId">Who writes through them.</param>
/// <param name="create">Makes a channel that all calls go over; null: <see cref="GrpcChannels.Create"/>, with slab streams beside it.</param>
/// <param name="time">Clock of writers' patience and of attempts to connect.</param>
public sealed class ShardConnections(string workerId, Func<string, GrpcChannel>? create = null, TimeProvider? time = null) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<ShardConnection>> _connections = new(StringComparer.Ordinal);

    public V1.KvStore.KvStoreClient ClientOf(string address) =>
        _connections.GetOrAdd(address, key => new Lazy<ShardConnection>(() => Connect(key))).Value.Client;

    public BlockReader ReaderOf(string address) => new(ClientOf(address));

    /// <param name="address">The shard.</param>
    /// <param name="epoch">The worker's incarnation.</param>
    /// <param name="isCopying">The slabs were read from other shards and keep the epochs of their writers.</param>
    /// <param name="owner">Whose blocks they are; all zero: nobody's.</param>
    /// <param name="cancellationToken">Aborts the call.</param>
    public BlockWriter OpenWriter(
        string address, ulong epoch, bool isCopying = false, BlockId owner = default, CancellationToken cancellationToken = default) =>
        new(ClientOf(address), workerId, epoch, time: time, cancellationToken: cancellationToken) { IsCopying = isCopying, Owner = owner };

    public void Dispose()
    {
        foreach (Lazy<ShardConnection> connection in _connections.Values.Where(connection => connection.IsValueCreated))
        {
            connection.Value.Dispose();
        }
    }

    private ShardConnection Connect(string address) =>
        create is null ? new ShardConnection(GrpcChannels.Create(address), address, time) : new ShardConnection(create(address), null, time);
}
