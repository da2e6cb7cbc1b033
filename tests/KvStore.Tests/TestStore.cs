using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Hosting;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol;
using KvCluster.Protocol.Streams;
using KvCluster.Protocol.Transfer;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.KvStore.Tests;

/// <summary>A real shard on a loopback port with a clock that tests move. Checks at the end that nothing is left over.</summary>
internal sealed class TestStore : IAsyncDisposable
{
    public const long DefaultBudgetBytes = 64 << 20;

    private readonly WebApplication _app;
    private readonly GrpcChannel _channel;
    private readonly SlabStreamInvoker? _streams;

    private TestStore(WebApplication app, TestTimeProvider time, Transport transport)
    {
        _app = app;
        Time = time;
        Addresses = ServiceHost.Addresses(app.Services);
        _channel = GrpcChannels.Create(Addresses[0]);
        _streams = transport != Transport.Grpc ? new SlabStreamInvoker(_channel.CreateCallInvoker(), Addresses[0]) : null;
        Client = new V1.KvStore.KvStoreClient(_streams ?? _channel.CreateCallInvoker());
        Reader = new BlockReader(Client);
        Tier = app.Services.GetRequiredService<MemoryTier>();
    }

    public V1.KvStore.KvStoreClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public BlockReader Reader { get; }

    public MemoryTier Tier { get; }

    public SlabListener Listener => _app.Services.GetRequiredService<SlabListener>();

    public TestTimeProvider Time { get; }

    public IReadOnlyList<string> Addresses { get; }

    public static async Task<TestStore> StartAsync(
        long budgetBytes = DefaultBudgetBytes, string listenAddress = "http://localhost:0", string httpListenAddress = "", string dataFolder = "",
        Action<KvStoreOptions>? configure = null, bool isRealTime = false, Transport transport = Transport.Grpc)
    {
        var time = new TestTimeProvider();
        WebApplicationBuilder builder = ServiceHost.CreateBuilder([], new Dictionary<string, string?>
        {
            ["Logging:LogLevel:Default"] = "None",
        }, isEmbedded: true);
        builder.Services.AddSingleton(isRealTime ? TimeProvider.System : time);
        var options = new KvStoreOptions
        {
            ListenAddress = listenAddress,
            HttpListenAddress = httpListenAddress,
            MemoryBudgetBytes = budgetBytes,
            DataFolder = dataFolder,
            DiskBudgetBytes = 64 << 20,
        };
        options.SlabSocketFolder = transport is Transport.LocalSlabStreams or Transport.ReferredSlabs ? options.SlabSocketFolder : "";
        SlabPool.Shared.Trim();
        SlabSocket.MinReferredSizeBytes = transport == Transport.ReferredSlabs ? 1 : SlabSocket.DefaultMinReferredSizeBytes;
        configure?.Invoke(options);
        builder.AddServiceDefaults("kvstore-test").AddKvStore(options);
        WebApplication app = builder.Build();
        app.MapServiceDefaults().MapKvStore();
        await ServiceHost.StartAsync(app).Soon();
        var store = new TestStore(app, time, transport);
        for (int i = 0; store._streams is not null && i < 4; i++)
        {
            await store._streams.ConnectAsync().Soon();
        }

        // Whichever was meant is what is tested.
        Assert.Equal(transport is Transport.LocalSlabStreams or Transport.ReferredSlabs ? store.Listener.ConnectionCount : 0, store.Listener.LocalConnectionCount);

        return store;
    }

    public BlockWriter Writer(string workerId = "prefill-0", ulong epoch = TestSlabs.Epoch, CancellationToken cancellationToken = default) =>
        new(Client, workerId, epoch, cancellationToken: cancellationToken);

    /// <summary>Puts whole blocks and waits for the acknowledgement.</summary>
    public async Task<BlockWriteResult> PutAsync(IEnumerable<BlockId> ids, bool transient = false, ulong epoch = TestSlabs.Epoch)
    {
        await using BlockWriter writer = Writer(epoch: epoch);
        foreach (BlockId id in ids)
        {
            Enqueue(writer, id, Enumerable.Range(0, TestSlabs.LayerCount), transient, epoch);
        }

        return await writer.CompleteAsync().Soon();
    }

    public static void Enqueue(
        BlockWriter writer, BlockId id, IEnumerable<int> layers, bool transient = false, ulong epoch = TestSlabs.Epoch)
    {
        foreach (int layer in layers)
        {
            writer.Enqueue(id, layer, TestSlabs.LayerCount, TestSlabs.Make(SlabPool.Shared, id, layer, epoch), transient);
        }
    }

    public IAsyncEnumerator<SlabArrival> Get(IEnumerable<BlockId> ids, TimeSpan wait, CancellationToken cancellationToken = default) => Reader
        .ReadAsync([.. ids.Select(id => new WantedBlock(id, TestSlabs.Expected))], wait, "test", cancellationToken: cancellationToken)
        .GetAsyncEnumerator(cancellationToken);

    /// <summary>Everything that a Get says, as "block:layer" or "block:STATUS"; slabs are compared with their source.</summary>
    public async Task<string> GetAllAsync(IReadOnlyList<int> blocks, TimeSpan wait = default)
    {
        await using IAsyncEnumerator<SlabArrival> arrivals = Get(blocks.Select(TestSlabs.Id), wait);
        var seen = new List<string>();
        while (await arrivals.MoveNextAsync().Soon())
        {
            seen.Add(Consume(arrivals.Current, blocks));
        }

        return string.Join(' ', seen);
    }

    public static string Consume(SlabArrival arrival, IReadOnlyList<int> blocks)
    {
        int block = blocks[arrival.BlockIndex];
        Assert.Equal(SlabError.None, arrival.Error);
        if (arrival.Slab is not { } slab)
        {
            return $"{block}:{arrival.Status}";
        }

        using (slab)
        {
            Assert.Equal(TestSlabs.Bytes(TestSlabs.Id(block), arrival.Layer, arrival.Header.WriterEpoch, arrival.Header.PayloadSizeBytes), slab.Span.ToArray());
        }

        return $"{block}:{arrival.Layer}";
    }

    public async Task<StatReply> StatAsync() => await Client.StatAsync(new StatRequest()).ResponseAsync.Soon();

    /// <summary>For what the server does after a client has gone.</summary>
    public async Task<StatReply> EventuallyAsync(Func<StatReply, bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        StatReply stat = await StatAsync();
        while (!condition(stat))
        {
            Assert.True(await poll.WaitForNextTickAsync(limit.Token));
            stat = await StatAsync();
        }

        return stat;
    }

    public static async Task<RpcException> FailsAsync(Task task) => await Assert.ThrowsAsync<RpcException>(() => task.Soon());

    public async ValueTask DisposeAsync()
    {
        SlabSocket.MinReferredSizeBytes = SlabSocket.DefaultMinReferredSizeBytes;
        await EventuallyAsync(stat => stat is { ReadBlockCount: 0, PendingBlockCount: 0, WaitingReaderCount: 0 });
        Tier.CheckIntegrity();
        _streams?.Dispose();
        _channel.Dispose();
        await _app.StopAsync().Soon();
        Tier.CheckIntegrity(SlabPool.Shared);
        foreach (int block in Enumerable.Range(0, 4096))
        {
            Tier.Drop(TestSlabs.Id(block));
        }

        await _app.DisposeAsync();
        Assert.Equal(0, SlabPool.Shared.RentedCount);
    }
}
