using Grpc.Net.Client;
using KvCluster.CommandLine.Terminal;
using KvCluster.Protocol;

namespace KvCluster.CommandLine.Store;

/// <summary>A running shard, by its own address.</summary>
internal sealed class Shard : IDisposable
{
    private readonly GrpcChannel _channel;

    /// <exception cref="BadArgumentException">It is no address.</exception>
    public Shard(string address)
    {
        try
        {
            _channel = GrpcChannels.Create(address.Replace("grpc://", "http://", StringComparison.Ordinal));
        }
        catch (FormatException error)
        {
            throw new BadArgumentException(error.Message);
        }

        Client = new V1.KvStore.KvStoreClient(_channel);
    }

    public V1.KvStore.KvStoreClient Client { get; }

    /// <summary>Whether this is meant as an address, and not as a folder.</summary>
    public static bool IsAddress(string place) => place.Contains("://", StringComparison.Ordinal);

    public void Dispose() => _channel.Dispose();
}
