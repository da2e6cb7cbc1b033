using KvCluster.DecodeWorker;
using KvCluster.Gateway;
using KvCluster.Inference.Engine;
using KvCluster.KvStore.Hosting;
using KvCluster.PrefillWorker;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Membership;

namespace KvCluster.CommandLine.Serve;

/// <summary>
/// All four hosts in this process, talking over loopback gRPC exactly as they do across machines.
/// </summary>
internal sealed class EmbeddedCluster : IAsyncDisposable
{
    private const string AnyLoopbackPort = "http://127.0.0.1:0";
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);
    private readonly List<WebApplication> _hosts = [];

    private EmbeddedCluster()
    {
    }

    /// <summary>Where clients speak the OpenAI API.</summary>
    public string HttpAddress { get; private set; } = "";

    /// <summary>Where clients speak <c>kvcluster.v1.Inference</c>.</summary>
    public string GrpcAddress { get; private set; } = "";

    /// <summary>The workers' GPU has Blocks as what their slabs decode to: <see cref="Inference.Backends.IModelRunner.AttendsDecoded"/>.</summary>
    public bool AttendsDecoded => _hosts.Exists(host => host.Services.GetService<WorkerModel>()?.Runner.AttendsDecoded == true);

    /// <summary>Services of each shard of the KvStore, for those who look inside.</summary>
    public IReadOnlyList<IServiceProvider> ShardServices { get; private set; } = [];

    /// <summary>One line, once a host can't go on (<see cref="HostFault"/>). A lost GPU is lost to all workers of this process, so the process is to end.</summary>
    public async Task<string> FaultAsync() => await await Task.WhenAny(_hosts.Select(host => host.Services.GetRequiredService<HostFault>().Message));

    /// <summary>Starts the hosts and waits until a request can be served.</summary>
    public static async Task<EmbeddedCluster> StartAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        var cluster = new EmbeddedCluster();
        try
        {
            await cluster.StartHostsAsync(options, cancellationToken);
            await GatewayReadiness.WaitAsync(cluster.HttpAddress, StartPatience, cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets running requests finish, workers first, then the store and the Gateway.</summary>
    public async ValueTask DisposeAsync()
    {
        for (int i = _hosts.Count - 1; i >= 0; i--)
        {
            await _hosts[i].StopAsync();
            await _hosts[i].DisposeAsync();
        }

        _hosts.Clear();
    }

    private KvStoreOptions ShardOptions(ClusterOptions options, int index)
    {
        var shard = new KvStoreOptions
        {
            ListenAddress = AnyLoopbackPort,
            GatewayAddress = GrpcAddress,
            WorkerId = $"kvstore-{index}",
            MachineShardCount = options.ShardCount,
            HandsOverAtStop = false,
            DataFolder = options.DataFolder.Length > 0 && options.ShardCount > 1 ? Path.Combine(options.DataFolder, $"shard-{index}") : options.DataFolder,
            RedisConnection = options.RedisConnection,
            EncryptionKeys = options.EncryptionKeys,
            SlabPort = options.StoreSlabPort,
            AdvertisedSlabPort = options.StoreAdvertisedSlabPort ?? 0,
        };
        shard.DiskBudgetBytes = options.DiskBudgetBytes ?? shard.DiskBudgetBytes;
        shard.MemoryBudgetBytes = options.StoreBudgetBytes ?? shard.MemoryBudgetBytes;
        shard.RedisTimeoutMs = options.RedisTimeoutMs ?? shard.RedisTimeoutMs;
        return shard;
    }

    private async Task StartHostsAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        WebApplication gateway = await StartAsync(
            GatewayHost.Create(new GatewayOptions
            {
                HttpAddress = $"http://{options.Host}:{options.HttpPort}",
                GrpcAddress = $"http://{options.Host}:{options.GrpcPort}",
                ModelFolder = options.ModelFolder,
                LocalPrefillMaxTokens = options.LocalPrefillMaxTokens,
                HandOff = options.HandOff,
                KvReplicas = options.KvReplicas,
                ApiKeys = options.ApiKeys,
            }),
            cancellationToken);
        (HttpAddress, GrpcAddress) = ClientAddresses.Of(gateway);

        var shards = new List<IServiceProvider>();
        for (int i = 0; i < options.ShardCount; i++)
        {
            shards.Add((await StartAsync(KvStoreHost.Create(ShardOptions(options, i)), cancellationToken)).Services);
        }

        // A worker that registers before them would know of no shard until its first heartbeat, and its first prompts would not be stored.
        ShardServices = shards;
        await Task.WhenAll(shards.Select(shard => shard.GetRequiredService<IClusterMembership>().WaitForStoreAsync(cancellationToken)))
            .WaitAsync(StartPatience, cancellationToken);
        for (int i = 0; i < options.PrefillWorkerCount; i++)
        {
            await StartAsync(
                PrefillWorkerHost.Create(new PrefillWorkerOptions
                {
                    ListenAddress = AnyLoopbackPort,
                    GatewayAddress = GrpcAddress,
                    WorkerId = $"prefill-{i}",
                    ModelFolder = options.ModelFolder,
                    KvSpec = options.KvSpec,
                    Backend = options.Backend,
                    KvChunkTokens = options.KvChunkTokens,
                }),
                cancellationToken);
        }

        for (int i = 0; i < options.DecodeWorkerCount; i++)
        {
            var worker = new DecodeWorkerOptions
            {
                ListenAddress = AnyLoopbackPort,
                GatewayAddress = GrpcAddress,
                SlabPort = options.DecodeSlabPort,
                AdvertisedSlabPort = options.DecodeAdvertisedSlabPort ?? 0,
                WorkerId = $"decode-{i}",
                ModelFolder = options.ModelFolder,
                KvSpec = options.KvSpec,
                Backend = options.Backend,
            };
            worker.HandOverQuietMs = options.HandOverQuietMs ?? worker.HandOverQuietMs;
            await StartAsync(DecodeWorkerHost.Create(worker), cancellationToken);
        }
    }

    private async Task<WebApplication> StartAsync(WebApplication host, CancellationToken cancellationToken)
    {
        _hosts.Add(host);
        await ServiceHost.StartAsync(host, cancellationToken);
        return host;
    }
}
