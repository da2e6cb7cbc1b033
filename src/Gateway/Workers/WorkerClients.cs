using System.Collections.Concurrent;
using Grpc.Net.Client;
using KvCluster.Protocol;

namespace KvCluster.Gateway.Workers;

/// <summary>One channel an address, kept for the life of the Gateway: an unused channel closes its connections by itself.</summary>
internal sealed class WorkerClients : IWorkerClients, IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<GrpcChannel>> _channels = new(StringComparer.Ordinal);

    public V1.Prefill.PrefillClient Prefill(string address) => new(Channel(address));

    public V1.Decode.DecodeClient Decode(string address) => new(Channel(address));

    public V1.KvStore.KvStoreClient KvStore(string address) => new(Channel(address));

    public void Dispose()
    {
        foreach (Lazy<GrpcChannel> channel in _channels.Values)
        {
            channel.Value.Dispose();
        }
    }

    private GrpcChannel Channel(string address) =>
        _channels.GetOrAdd(address, static key => new Lazy<GrpcChannel>(() => GrpcChannels.Create(key))).Value;
}
