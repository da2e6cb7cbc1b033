using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Hosting;
using KvCluster.KvStore.Tiers;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Streams;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>One of several real shards of this process.</summary>
internal sealed class TestShard : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestShard(WebApplication app)
    {
        _app = app;
        Address = ServiceHost.Addresses(app.Services)[0];
        Tier = app.Services.GetRequiredService<MemoryTier>();
        Store = app.Services.GetRequiredService<IBlockTier>();
    }

    public string Address { get; }

    public MemoryTier Tier { get; }

    public IBlockTier Store { get; }

    public SlabListener Listener => _app.Services.GetRequiredService<SlabListener>();

    public static async Task<TestShard> StartAsync(string workerId, string gatewayAddress = "", Action<KvStoreOptions>? configure = null)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder([], new Dictionary<string, string?>
        {
            ["Logging:LogLevel:Default"] = "None",
            ["Logging:LogLevel:KvCluster"] = "None",
            ["Service:DrainTimeout"] = "00:00:20",
        }, isEmbedded: true);
        var options = new KvStoreOptions
        {
            ListenAddress = "http://127.0.0.1:0",
            MemoryBudgetBytes = 256 << 20,
            GatewayAddress = gatewayAddress,
            WorkerId = workerId,
        };
        configure?.Invoke(options);
        builder.AddServiceDefaults("kvstore-test").AddKvStore(options);
        WebApplication app = builder.Build();
        app.MapServiceDefaults().MapKvStore();
        await ServiceHost.StartAsync(app).Soon();
        HostReadiness readiness = app.Services.GetRequiredService<HostReadiness>();
        await Eventually.TrueAsync(() => readiness.IsReady);
        return new TestShard(app);
    }

    public bool Holds(BlockId id) => Store.Lookup([id], TimeSpan.Zero, out _) == 1;

    /// <summary>A gentle stop: drains first.</summary>
    public Task StopAsync() => _app.StopAsync().Soon();

    /// <summary>Lets go of everything; proves first that nothing is out of order.</summary>
    public async ValueTask DisposeAsync()
    {
        await Eventually.TrueAsync(() => Tier.Stat() is { ReadBlockCount: 0, PendingBlockCount: 0, WaitingReaderCount: 0 });
        Tier.CheckIntegrity();
        await StopAsync();
        Tier.CheckIntegrity();
        Tier.Dispose();
        await _app.DisposeAsync();
    }
}
