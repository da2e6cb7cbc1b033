using KvCluster.DecodeWorker;
using KvCluster.Gateway;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Engine;
using KvCluster.KvStore.Hosting;
using KvCluster.PrefillWorker;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Membership;

namespace KvCluster.CommandLine.Serve;

/// <summary>
/// All four hosts in this process, talking over loopback gRPC exactly as they do across machines; with <see cref="ClusterOptions.Devices"/> each worker in a process of its own.
/// </summary>
internal sealed class EmbeddedCluster : IAsyncDisposable
{
    private const string AnyLoopbackPort = "http://127.0.0.1:0";
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(120);
    private readonly List<WebApplication> _hosts = [];
    private readonly List<WorkerProcess> _processes = [];

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
    public async Task<string> FaultAsync() => await await Task.WhenAny(
        _hosts.Select(host => host.Services.GetRequiredService<HostFault>().Message).Concat(_processes.Select(process => process.Fault)));

    /// <summary>Starts the hosts and waits until a request can be served.</summary>
    public static async Task<EmbeddedCluster> StartAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        var cluster = new EmbeddedCluster();
        try
        {
            await cluster.StartHostsAsync(options, cancellationToken);
            await cluster.WaitUntilReadyAsync(cancellationToken);
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
        await Task.WhenAll(_processes.Select(process => process.DisposeAsync().AsTask()));
        _processes.Clear();
        for (int i = _hosts.Count - 1; i >= 0; i--)
        {
            await _hosts[i].StopAsync();
            await _hosts[i].DisposeAsync();
        }

        _hosts.Clear();
    }

    /// <exception cref="HostStartException">Not ready in time, or a host can't go on.</exception>
    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task ready = GatewayReadiness.WaitAsync(HttpAddress, StartPatience, ends.Token);
        Task<string> fault = FaultAsync();
        if (await Task.WhenAny(ready, fault) == fault)
        {
            await ends.CancelAsync();
            await ready.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new HostStartException(await fault);
        }

        await ready;
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

    /// <summary>Workers of one process share a GPU in equal parts: the n-th takes its part of what those before it have left.</summary>
    private static double PageShareOf(ClusterOptions options, int index)
    {
        double part = DeviceOptions.DefaultPageShare / (options.PrefillWorkerCount + options.DecodeWorkerCount);
        return options.Devices.Count > 0 ? DeviceOptions.DefaultPageShare : part / (1 - (index * part));
    }

    private PrefillWorkerOptions PrefillOptions(ClusterOptions options, int index) => new()
    {
        ListenAddress = AnyLoopbackPort,
        GatewayAddress = GrpcAddress,
        WorkerId = $"prefill-{index}",
        ModelFolder = options.ModelFolder,
        KvSpec = options.KvSpec,
        Backend = options.Backend,
        Synthetic = options.Synthetic,
        KvChunkTokens = options.KvChunkTokens,
        DevicePageShare = PageShareOf(options, index),
        EndsWithInput = options.Devices.Count > 0,
    };

    private DecodeWorkerOptions DecodeOptions(ClusterOptions options, int index)
    {
        var worker = new DecodeWorkerOptions
        {
            ListenAddress = AnyLoopbackPort,
            GatewayAddress = GrpcAddress,
            SlabPort = options.DecodeSlabPort,
            AdvertisedSlabPort = options.DecodeAdvertisedSlabPort ?? 0,
            WorkerId = $"decode-{index}",
            ModelFolder = options.ModelFolder,
            KvSpec = options.KvSpec,
            Backend = options.Backend,
            Synthetic = options.Synthetic,
            DevicePageShare = PageShareOf(options, options.PrefillWorkerCount + index),
            EndsWithInput = options.Devices.Count > 0,
        };
        worker.HandOverQuietMs = options.HandOverQuietMs ?? worker.HandOverQuietMs;
        return worker;
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
            PrefillWorkerOptions worker = PrefillOptions(options, i);
            await StartWorkerAsync(options, i, worker.WorkerId, worker, PrefillWorkerHost.Create, cancellationToken);
        }

        for (int i = 0; i < options.DecodeWorkerCount; i++)
        {
            DecodeWorkerOptions worker = DecodeOptions(options, i);
            await StartWorkerAsync(options, options.PrefillWorkerCount + i, worker.WorkerId, worker, DecodeWorkerHost.Create, cancellationToken);
        }
    }

    private async Task StartWorkerAsync<TOptions>(
        ClusterOptions options, int index, string name, TOptions worker, Func<TOptions, WebApplication> create, CancellationToken cancellationToken)
        where TOptions : class, new()
    {
        if (options.Devices.Count == 0)
        {
            await StartAsync(create(worker), cancellationToken);
            return;
        }

        _processes.Add(WorkerProcess.Start(name, create.Method.DeclaringType!, worker, options.Devices[index]));
    }

    private async Task<WebApplication> StartAsync(WebApplication host, CancellationToken cancellationToken)
    {
        _hosts.Add(host);
        await ServiceHost.StartAsync(host, cancellationToken);
        return host;
    }
}
