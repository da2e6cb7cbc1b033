using Grpc.Core;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using KvCluster.Standins.Grpc.Tests.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace KvCluster.Standins.Grpc.Tests.Health;

public sealed class HealthTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task Check_SetByHand_IsWhatWasSet()
    {
        var health = new HealthServiceImpl();
        await using var server = await StartAsync(health);
        var client = new global::Grpc.Health.V1.Health.HealthClient(server.Channel());
        await Expect.StatusAsync(StatusCode.NotFound, async () => await client.CheckAsync(new HealthCheckRequest { Service = "a" }, cancellationToken: Stop));
        health.SetStatus("a", ServingStatus.NotServing);
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest { Service = "a" }, cancellationToken: Stop)).Status);
        health.ClearAll();
        await Expect.StatusAsync(StatusCode.NotFound, async () => await client.CheckAsync(new HealthCheckRequest { Service = "a" }, cancellationToken: Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task Watch_Changes_AreReportedOnce()
    {
        var health = new HealthServiceImpl();
        await using var server = await StartAsync(health);
        using var call = new global::Grpc.Health.V1.Health.HealthClient(server.Channel()).Watch(
            new HealthCheckRequest { Service = "a" }, cancellationToken: Stop);
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(call));
        health.SetStatus("a", ServingStatus.Serving);
        Assert.Equal(ServingStatus.Serving, await NextAsync(call));
        health.SetStatus("a", ServingStatus.Serving);
        health.SetStatus("b", ServingStatus.NotServing);
        health.ClearStatus("a");
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(call));
    }

    [Fact(Timeout = 20_000)]
    public async Task HealthChecks_Mapped_SpeakForTheirServices()
    {
        var isWell = true;
        await using var server = await TestServer.StartAsync(
            services: services => services
                .AddGrpcHealthChecks(options => options.Services.Map("store", check => check.Tags.Contains("store")))
                .AddCheck("well", () => HealthCheckResult.Healthy())
                .AddCheck("ill", () => isWell ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(), ["store"]),
            map: app => app.MapGrpcHealthChecksService());
        var client = new global::Grpc.Health.V1.Health.HealthClient(server.Channel());
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest(), cancellationToken: Stop)).Status);
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest { Service = "store" }, cancellationToken: Stop)).Status);
        isWell = false;
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest { Service = "store" }, cancellationToken: Stop)).Status);
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest(), cancellationToken: Stop)).Status);
        await Expect.StatusAsync(StatusCode.NotFound, async () => await client.CheckAsync(new HealthCheckRequest { Service = "x" }, cancellationToken: Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task Watch_ServerStops_EndsWithNotServing()
    {
        await using var server = await TestServer.StartAsync(
            services: services => services.AddGrpcHealthChecks().AddCheck("well", () => HealthCheckResult.Healthy()),
            map: app => app.MapGrpcHealthChecksService());
        using var call = new global::Grpc.Health.V1.Health.HealthClient(server.Channel()).Watch(new HealthCheckRequest(), cancellationToken: Stop);
        Assert.Equal(ServingStatus.Serving, await NextAsync(call));
        server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        Assert.Equal(ServingStatus.NotServing, await NextAsync(call));
        Assert.False(await call.ResponseStream.MoveNext(Stop));
    }

    private static Task<TestServer> StartAsync(HealthServiceImpl health) => TestServer.StartAsync(
        services: services => services.AddSingleton(health), map: app => app.MapGrpcService<HealthServiceImpl>());

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> call)
    {
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        return call.ResponseStream.Current.Status;
    }
}
