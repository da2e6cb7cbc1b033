using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using KvCluster.Protocol;

namespace KvCluster.CommandLine.Serve;

/// <summary>A client of a running cluster, or of one started for this command.</summary>
internal sealed class Connection : IAsyncDisposable
{
    /// <summary>Holds the key for a Gateway with <c>ApiKeys</c>.</summary>
    private const string ApiKeyVariable = "KVCLUSTER_ApiKey";

    private readonly GrpcChannel _channel;
    private readonly EmbeddedCluster? _cluster;

    private Connection(string address, EmbeddedCluster? cluster)
    {
        Address = address;
        _channel = GrpcChannels.Create(address);
        _cluster = cluster;
        Inference = new V1.Inference.InferenceClient(
            Environment.GetEnvironmentVariable(ApiKeyVariable) is { Length: > 0 } key ? _channel.Intercept(headers => WithKey(headers, key)) : _channel.CreateCallInvoker());
        Cluster = new V1.Cluster.ClusterClient(_channel);
    }

    /// <summary>The gRPC address of the Gateway.</summary>
    public string Address { get; }

    public V1.Inference.InferenceClient Inference { get; }

    public V1.Cluster.ClusterClient Cluster { get; }

    /// <summary>Connects to <paramref name="server"/>; when it is null, starts a cluster.</summary>
    public static async Task<Connection> OpenAsync(string? server, ClusterOptions embedded, CancellationToken cancellationToken)
    {
        if (server is not null)
        {
            return new Connection(server.Replace("grpc://", "http://", StringComparison.Ordinal), null);
        }

        EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(embedded, cancellationToken);
        return new Connection(cluster.GrpcAddress, cluster);
    }

    private static Metadata WithKey(Metadata headers, string key)
    {
        headers.Add("authorization", $"Bearer {key}");
        return headers;
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }
}
