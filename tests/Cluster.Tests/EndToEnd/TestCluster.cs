using Grpc.Net.Client;
using KvCluster.CommandLine.Serve;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>A cluster in this process with clients of its Gateway and of its KvStore.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private readonly EmbeddedCluster _cluster;
    private readonly GrpcChannel _gateway;
    private readonly GrpcChannel[] _stores;

    private TestCluster(EmbeddedCluster cluster, GrpcChannel gateway, string[] storeAddresses)
    {
        StoreAddress = storeAddresses[0];
        _cluster = cluster;
        _gateway = gateway;
        _stores = Array.ConvertAll(storeAddresses, GrpcChannels.Create);
        Inference = new V1.Inference.InferenceClient(gateway);
        Membership = new V1.Cluster.ClusterClient(gateway);
        Stores = Array.ConvertAll(_stores, store => new V1.KvStore.KvStoreClient(store));
    }

    public V1.Inference.InferenceClient Inference { get; }

    public V1.Cluster.ClusterClient Membership { get; }

    /// <summary>Of the first shard, as all of its kind here.</summary>
    public V1.KvStore.KvStoreClient Store => Stores[0];

    /// <summary>Of each shard in this process.</summary>
    public V1.KvStore.KvStoreClient[] Stores { get; }

    /// <summary>The store's memory tier itself, to damage what it holds and to check it.</summary>
    public MemoryTier MemoryTier => MemoryTiers.First();

    public IEnumerable<MemoryTier> MemoryTiers => _cluster.ShardServices.Select(shard => shard.GetRequiredService<MemoryTier>());

    public string StoreAddress { get; }

    public string HttpAddress => _cluster.HttpAddress;

    public string GrpcAddress => _cluster.GrpcAddress;

    public static Task<TestCluster> StartAsync(string kvSpec) =>
        StartAsync(new ClusterOptions { ModelFolder = RepositoryRoot.ModelFolder, KvSpec = kvSpec });

    public static async Task<TestCluster> StartAsync(ClusterOptions options)
    {
        EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(options, TestContext.Current.CancellationToken);
        GrpcChannel gateway = GrpcChannels.Create(cluster.GrpcAddress);
        V1.ListWorkersReply workers = await new V1.Cluster.ClusterClient(gateway).ListWorkersAsync(new V1.ListWorkersRequest());
        string[] stores = [.. workers.Workers.Where(worker => worker.Worker.Role is V1.WorkerRole.Kvstore).Select(worker => worker.Worker.Address)];
        Assert.Equal(options.ShardCount, stores.Length);
        return new TestCluster(cluster, gateway, stores);
    }

    public async Task<V1.StatReply> StatAsync() => await Store.StatAsync(new V1.StatRequest());

    /// <summary>Waits until no worker holds a Sequence and the store has no lease, writer or reader left.</summary>
    public async Task WaitUntilIdleAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        string state;
        do
        {
            V1.ListWorkersReply workers = await Membership.ListWorkersAsync(new V1.ListWorkersRequest());
            V1.StatReply[] stats = await Task.WhenAll(Stores.Select(store => store.StatAsync(new V1.StatRequest()).ResponseAsync));
            long sequences = workers.Workers.Sum(worker => (long)(worker.Load?.RunningSequences ?? 0) + (worker.Load?.WaitingSequences ?? 0));
            long bytes = workers.Workers.Where(worker => worker.Worker.Role is not V1.WorkerRole.Kvstore).Sum(worker => worker.Load?.KvBytes ?? 0);
            if (sequences == 0 && bytes == 0 && stats.All(stat => stat is { LeasedBlockCount: 0, PendingBlockCount: 0, WaitingReaderCount: 0 }))
            {
                return;
            }

            state = $"{sequences} sequences, {bytes} bytes of KV in workers; store: {string.Join(' ', stats.AsEnumerable())}";
        }
        while (!timeout.IsCancellationRequested && await timer.WaitForNextTickAsync());
        Assert.Fail($"still busy after 30 s: {state}");
    }

    public async ValueTask DisposeAsync()
    {
        _gateway.Dispose();
        Array.ForEach(_stores, store => store.Dispose());
        await _cluster.DisposeAsync();
    }
}
