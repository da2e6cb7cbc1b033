using KvCluster.KvStore.Hosting;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Membership;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.KvStore.Tests;

public sealed class MembershipTests
{
    [Fact]
    public async Task Membership_FromStartToStop_RegistersBeatsRejoinsDrainsAndLeaves()
    {
        var gateway = new TestGateway();
        await using WebApplication gatewayHost = await StartGatewayAsync(gateway, "http://localhost:0");
        await using WebApplication store = Store(ServiceHost.Addresses(gatewayHost.Services)[0]);
        await ServiceHost.StartAsync(store).Soon();
        IClusterMembership membership = store.Services.GetRequiredService<IClusterMembership>();

        Assert.Equal("register shard-7", await gateway.HeardAsync());
        MembershipSnapshot first = await membership.WaitForStoreAsync(CancellationToken.None).Soon();
        Assert.Equal(1UL, first.Epoch);
        Assert.Equal((WorkerRole.Kvstore, ServiceHost.Addresses(store.Services)[0]), (gateway.LastRegistration!.Worker.Role, gateway.LastRegistration.Worker.Address));
        Assert.Equal("heartbeat 1 0", await gateway.HeardAsync());
        Assert.Equal("heartbeat 1 0", await gateway.HeardAsync());
        Assert.Equal(["http://store:1", "http://store:2"], membership.Current.KvStoreAddresses);
        Assert.True(store.Services.GetRequiredService<HostReadiness>().IsReady);

        gateway.IsForgetful = true;
        Assert.Equal("register shard-7", await gateway.HeardOtherThanAsync("heartbeat 1 0"));
        Assert.Equal("heartbeat 2 0", await gateway.HeardAsync());

        await store.StopAsync().Soon();
        Assert.Equal("deregister 2 True", await gateway.HeardOtherThanAsync("heartbeat 2 0"));
        Assert.Equal("deregister 2 False", await gateway.HeardOtherThanAsync("heartbeat 2 0"));
    }

    [Fact]
    public async Task Membership_GatewayComesLate_JoinsThenAndIsReadyThen()
    {
        string socket = $"unix://{Path.Combine(Path.GetTempPath(), $"gateway-{Guid.NewGuid():N}.sock")}";
        await using WebApplication store = Store(socket);
        await ServiceHost.StartAsync(store).Soon();
        HostReadiness readiness = store.Services.GetRequiredService<HostReadiness>();
        Assert.Equal("not registered with the Gateway", readiness.Describe());

        var gateway = new TestGateway();
        await using WebApplication gatewayHost = await StartGatewayAsync(gateway, socket);

        Assert.Equal("register shard-7", await gateway.HeardAsync());
        Assert.Equal("heartbeat 1 0", await gateway.HeardAsync());
        Assert.True(readiness.IsReady);
        await store.StopAsync().Soon();
    }

    [Theory]
    [InlineData(WorkerRole.Prefill)]
    [InlineData(WorkerRole.Decode)]
    [InlineData(WorkerRole.Kvstore)]
    public async Task Membership_NoShardIsKnown_WorkersAskAgainSoonForHalfAMinute(WorkerRole role)
    {
        const int IntervalMs = 5000;
        var gateway = new TestGateway { HasNoShards = true, HeartbeatIntervalMs = IntervalMs };
        await using WebApplication gatewayHost = await StartGatewayAsync(gateway, "http://localhost:0");
        TestTimeProvider time = Clock();
        await using WebApplication worker = await StartWorkerAsync(ServiceHost.Addresses(gatewayHost.Services)[0], role, time);
        Assert.Equal("register worker-0", await gateway.HeardAsync());

        // A shard is not to wait for: it may be the first.
        int hurriedCount = role == WorkerRole.Kvstore ? 0 : 120;
        for (int beat = 0; beat < hurriedCount + 2; beat++)
        {
            TimeSpan expected = TimeSpan.FromMilliseconds(beat < hurriedCount ? 250 : IntervalMs);
            await Eventually.TrueAsync(() => time.NextDue == expected);
            time.Advance(expected);
            Assert.Equal("heartbeat 1 0", await gateway.HeardAsync());
        }

        await worker.StopAsync().Soon();
    }

    [Fact]
    public async Task Membership_FirstShardComes_WorkerKnowsItWithinAQuarterSecondAndSlowsDown()
    {
        var gateway = new TestGateway { HasNoShards = true, HeartbeatIntervalMs = 5000 };
        await using WebApplication gatewayHost = await StartGatewayAsync(gateway, "http://localhost:0");
        TestTimeProvider time = Clock();
        await using WebApplication worker = await StartWorkerAsync(ServiceHost.Addresses(gatewayHost.Services)[0], WorkerRole.Prefill, time);
        Task<MembershipSnapshot> known = worker.Services.GetRequiredService<IClusterMembership>().WaitForStoreAsync(CancellationToken.None);
        await Eventually.TrueAsync(() => time.NextDue == TimeSpan.FromMilliseconds(250));
        Assert.False(known.IsCompleted);

        gateway.HasNoShards = false;
        time.Advance(TimeSpan.FromMilliseconds(250));

        Assert.Equal(["http://store:1", "http://store:2"], (await known.Soon()).KvStoreAddresses);
        await Eventually.TrueAsync(() => time.NextDue == TimeSpan.FromSeconds(5));
        await worker.StopAsync().Soon();
    }

    [Theory]
    [InlineData("http://10.0.0.7:1", "http://[::]:8083", "http://10.0.0.7:1")]
    [InlineData("", "http://127.0.0.1:8083", "http://127.0.0.1:8083")]
    [InlineData("", "unix:///run/kv.sock", "unix:///run/kv.sock")]
    public void Choose_AdvertisedAddress_IsTheConfiguredOrTheListeningOne(string configured, string listening, string expected) =>
        Assert.Equal(expected, AdvertisedAddress.Choose(configured, listening));

    [Fact]
    public void Choose_ListeningEverywhere_UsesTheMachinesName() =>
        Assert.Equal($"http://{System.Net.Dns.GetHostName()}:8083", AdvertisedAddress.Choose("", "http://0.0.0.0:8083"));

    private static WebApplication Store(string gatewayAddress) => KvStoreHost.Build([], new Dictionary<string, string?>
    {
        ["KvStore:ListenAddress"] = "http://localhost:0",
        ["KvStore:GatewayAddress"] = gatewayAddress,
        ["KvStore:WorkerId"] = "shard-7",
        ["Logging:LogLevel:Default"] = "None",
    }, isEmbedded: true);

    /// <summary>Stands still in an hour: deadlines of calls count on the system's clock.</summary>
    private static TestTimeProvider Clock() => new() { Start = TimeProvider.System.GetUtcNow().AddHours(1) };

    private static async Task<WebApplication> StartWorkerAsync(string gatewayAddress, WorkerRole role, TimeProvider time)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            [], new Dictionary<string, string?> { ["Logging:LogLevel:Default"] = "None" }, isEmbedded: true);
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton<IWorkerLoadSource, Idle>();
        builder.AddServiceDefaults("worker-test").ListenForGrpc(ListenAddress.Parse("http://127.0.0.1:0"));
        builder.Services.AddClusterMembership(_ => new MembershipOptions(gatewayAddress, "", new WorkerDescription { WorkerId = "worker-0", Role = role }));
        WebApplication worker = builder.Build();
        await ServiceHost.StartAsync(worker).Soon();
        return worker;
    }

    private static async Task<WebApplication> StartGatewayAsync(TestGateway gateway, string address)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            [], new Dictionary<string, string?> { ["Logging:LogLevel:Default"] = "None" }, isEmbedded: true);
        builder.AddServiceDefaults("gateway-test").ListenForGrpc(ListenAddress.Parse(address));
        builder.Services.AddSingleton(gateway);
        WebApplication app = builder.Build();
        app.MapGrpcService<TestGateway>();
        await ServiceHost.StartAsync(app).Soon();
        return app;
    }

    private sealed class Idle : IWorkerLoadSource
    {
        public WorkerLoad CurrentLoad() => new();
    }
}
