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
}
