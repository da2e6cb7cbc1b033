using KvCluster.Standins.Grpc.Tests.Protos;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Standins.Grpc.Tests.Serving;

public sealed class ActivationTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task Service_Unregistered_IsMadeAndDisposedForEachCall()
    {
        var lives = new LifeCount();
        await using var server = await TestServer.StartAsync(services: services => services.AddSingleton(lives), map: app => app.MapGrpcService<CountedEcho>());
        await CallTwiceAsync(server);
        Assert.Equal((2, 2), (lives.Made, lives.Disposed));
    }

    [Fact(Timeout = 20_000)]
    public async Task Service_Singleton_IsMadeOnce()
    {
        var lives = new LifeCount();
        await using var server = await TestServer.StartAsync(
            services: services => services.AddSingleton(lives).AddSingleton<CountedEcho>(), map: app => app.MapGrpcService<CountedEcho>());
        await CallTwiceAsync(server);
        Assert.Equal((1, 0), (lives.Made, lives.Disposed));
    }

    [Fact(Timeout = 20_000)]
    public async Task Map_WithoutAddGrpc_SaysWhatIsMissing()
    {
        await using var app = WebApplication.CreateSlimBuilder().Build();
        var error = Assert.Throws<InvalidOperationException>(() => app.MapGrpcService<EchoService>());
        Assert.Contains("AddGrpc", error.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = 20_000)]
    public async Task Map_OfNoService_SaysWhatIsMissing()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddGrpc();
        await using var app = builder.Build();
        var error = Assert.Throws<InvalidOperationException>(() => app.MapGrpcService<LifeCount>());
        Assert.Contains("BindServiceMethod", error.Message, StringComparison.Ordinal);
    }

    private static async Task CallTwiceAsync(TestServer server)
    {
        var client = new Counted.CountedClient(server.Channel());
        await client.CountAsync(new EchoRequest(), cancellationToken: Stop);
        await client.CountAsync(new EchoRequest(), cancellationToken: Stop);
    }
}
