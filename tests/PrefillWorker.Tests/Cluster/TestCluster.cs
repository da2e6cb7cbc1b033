using Grpc.Net.Client;
using KvCluster.Inference.Engine;
using KvCluster.KvStore.Hosting;
using KvCluster.Protocol;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Membership;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Workers.Tests;

/// <summary>A real KvStore and a membership service in this process, and whatever workers a test starts, over loopback gRPC.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly List<WebApplication> _apps = [];
    private readonly List<GrpcChannel> _channels = [];
    private readonly Dictionary<WebApplication, GrpcChannel> _channelOf = [];

    private TestCluster(WorkerModel model)
    {
        Model = model;
    }

    /// <summary>Of the same folder and spec as the workers', for oracles.</summary>
    public WorkerModel Model { get; }

    public TestMembership Membership { get; } = new();

    public string GatewayAddress { get; private set; } = "";

    public V1.KvStore.KvStoreClient Store { get; private set; } = null!;

    public static async Task<TestCluster> StartAsync(string kvSpec, params KeyValuePair<string, string?>[] storeSettings)
    {
        var cluster = new TestCluster(WorkerModel.Load(TestModel.Folder, null, kvSpec, "cpu"));
        var store = KvStoreHost.Build([], [new("KvStore:ListenAddress", "http://127.0.0.1:0"), .. storeSettings], isEmbedded: true);
        cluster.Store = new V1.KvStore.KvStoreClient(await cluster.StartAsync(store));
        cluster.Membership.StoreAddress = ServiceHost.Addresses(store.Services)[0];
        var builder = ServiceHost.CreateBuilder([], isEmbedded: true);
        builder.ListenForGrpc(ListenAddress.Parse("http://127.0.0.1:0"));
        builder.AddServiceDefaults("test-gateway");
        builder.Services.AddSingleton(cluster.Membership);
        var gateway = builder.Build();
        gateway.MapGrpcService<TestMembership>();
        await cluster.StartAsync(gateway);
        cluster.GatewayAddress = ServiceHost.Addresses(gateway.Services)[0];
        return cluster;
    }

    /// <summary>Starts a host and waits until a worker has registered.</summary>
    public async Task<GrpcChannel> StartAsync(WebApplication app)
    {
        _apps.Add(app);
        await app.StartAsync().WaitAsync(Patience);
        if (app.Services.GetService<IClusterMembership>() is { } membership && GatewayAddress.Length > 0)
        {
            using var patience = new CancellationTokenSource(Patience);
            await membership.WaitForStoreAsync(patience.Token);
        }

        var channel = GrpcChannels.Create(ServiceHost.Addresses(app.Services)[0]);
        _channels.Add(channel);
        _channelOf[app] = channel;
        return channel;
    }

    /// <summary>Stops a worker: its calls have ended and let go of everything when this returns.</summary>
    public async Task StopAsync(WebApplication app)
    {
        await app.StopAsync().WaitAsync(Patience);
        await app.DisposeAsync().AsTask().WaitAsync(Patience);
        _apps.Remove(app);
    }

    public async Task<StatReply> StatAsync() => await Store.StatAsync(new StatRequest()).ResponseAsync.WaitAsync(Patience);

    public async ValueTask DisposeAsync()
    {
        _channels.ForEach(channel => channel.Dispose());
        for (var i = _apps.Count - 1; i >= 0; i--)
        {
            await _apps[i].StopAsync().WaitAsync(Patience);
            await _apps[i].DisposeAsync();
        }

        Model.Dispose();
    }
}
