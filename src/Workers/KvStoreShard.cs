using Grpc.Net.Client;
using KvCluster.Protocol;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Workers;

/// <summary>One shard of the KvStore, and the connection to it.</summary>
internal sealed class KvStoreShard : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly V1.KvStore.KvStoreClient _client;
    private readonly string _workerId;

    public KvStoreShard(string address, string workerId)
    {
        Address = address;
        _workerId = workerId;
        _channel = GrpcChannels.Create(address);
        _client = new V1.KvStore.KvStoreClient(_channel);
        Reader = new BlockReader(_client);
    }

    public string Address { get; }

    public BlockReader Reader { get; }

    public BlockWriter OpenWriter(ulong epoch, CancellationToken cancellationToken) =>
        new(_client, _workerId, epoch, cancellationToken: cancellationToken);

    public void Dispose() => _channel.Dispose();
}
