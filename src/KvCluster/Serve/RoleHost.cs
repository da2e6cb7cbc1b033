using KvCluster.DecodeWorker;
using KvCluster.Gateway;
using KvCluster.KvStore.Hosting;
using KvCluster.PrefillWorker;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.CommandLine.Serve;

/// <summary>One of the four hosts as a process of its own.</summary>
internal static class RoleHost
{
    public static async Task<int> RunAsync(
        ServeRole role, ClusterOptions options, string gateway, string? listen, string? id, CancellationToken cancellationToken)
    {
        await using WebApplication host = Create(role, options, gateway, listen, id);
        await ServiceHost.StartAsync(host, cancellationToken);
        Console.WriteLine($"{role.ToString().ToLowerInvariant()} listens on {string.Join(' ', host.Urls)}");
        if (role is ServeRole.Gateway)
        {
            (string http, string grpc) = ClientAddresses.Of(host);
            _ = AnnounceWhenReadyAsync(http, grpc, cancellationToken);
        }

        int exitCode = await ShutdownSignal.WaitAsync(host.Services.GetRequiredService<HostFault>().Message, cancellationToken);
        await host.StopAsync(CancellationToken.None);
        return exitCode;
    }

    private static WebApplication Create(ServeRole role, ClusterOptions options, string gateway, string? listen, string? id)
    {
        switch (role)
        {
            case ServeRole.Gateway:
                return GatewayHost.Create(new GatewayOptions
                {
                    HttpAddress = $"http://{options.Host}:{options.HttpPort}",
                    GrpcAddress = $"http://{options.Host}:{options.GrpcPort}",
                    ModelFolder = options.ModelFolder,
                    HandOff = options.HandOff,
                    KvReplicas = options.KvReplicas,
                    ApiKeys = options.ApiKeys,
                });
            case ServeRole.KvStore:
                var store = new KvStoreOptions
                {
                    GatewayAddress = gateway,
                    DataFolder = options.DataFolder,
                    RedisConnection = options.RedisConnection,
                    EncryptionKeys = options.EncryptionKeys,
                };
                store.ListenAddress = listen ?? store.ListenAddress;
                store.WorkerId = id ?? store.WorkerId;
                return KvStoreHost.Create(store);
            case ServeRole.Prefill:
                var prefill = new PrefillWorkerOptions
                {
                    GatewayAddress = gateway,
                    ModelFolder = options.ModelFolder,
                    KvSpec = options.KvSpec,
                    Backend = options.Backend,
                    Synthetic = options.Synthetic,
                    KvChunkTokens = options.KvChunkTokens,
                };
                prefill.ListenAddress = listen ?? prefill.ListenAddress;
                prefill.WorkerId = id ?? prefill.WorkerId;
                return PrefillWorkerHost.Create(prefill);
            default:
                var decode = new DecodeWorkerOptions
                {
                    GatewayAddress = gateway,
                    ModelFolder = options.ModelFolder,
                    KvSpec = options.KvSpec,
                    Backend = options.Backend,
                    Synthetic = options.Synthetic,
                };
                decode.ListenAddress = listen ?? decode.ListenAddress;
                decode.WorkerId = id ?? decode.WorkerId;
                return DecodeWorkerHost.Create(decode);
        }
    }

    private static async Task AnnounceWhenReadyAsync(string http, string grpc, CancellationToken cancellationToken)
    {
        await GatewayReadiness.WaitAsync(http, Timeout.InfiniteTimeSpan, cancellationToken);
        Console.WriteLine($"ready {http} {grpc.Replace("http://", "grpc://", StringComparison.Ordinal)}");
    }
}
