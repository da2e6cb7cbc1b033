using Grpc.HealthCheck;
using KvCluster.Standins.Grpc.Tests.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace KvCluster.Standins.Grpc.Tests.Interop;

/// <summary>grpcio and grpc-js call our server; the checks are in the scripts.</summary>
public sealed class ForeignClientTests
{
    [Fact(Timeout = 180_000)]
    public async Task Grpcio_AllChecks_Pass()
    {
        var python = await Tool.FindPythonAsync();
        Assert.SkipUnless(python is not null, "No python3 with grpcio here; apt-get install python3-grpcio.");
        await using var server = await StartAsync();
        var output = await Tool.RunAsync(python!, ["client.py", server.Address.Authority], Path.Combine(Tool.Scripts, "python"));
        Assert.Equal(17, CountOk(output));
        await server.Record.Cancelled.Task;
    }

    [Fact(Timeout = 300_000)]
    public async Task GrpcJs_AllChecks_Pass()
    {
        Assert.SkipUnless(await Tool.FindGrpcJsAsync(), "No node with npm here; apt-get install nodejs npm.");
        await using var server = await StartAsync();
        var output = await Tool.RunAsync("node", ["client.js", server.Address.Authority], Path.Combine(Tool.Scripts, "js"));
        Assert.Equal(17, CountOk(output));
        await server.Record.Cancelled.Task;
    }

    private static int CountOk(string output) => output.Split('\n').Count(line => line.StartsWith("ok ", StringComparison.Ordinal));

    private static Task<TestServer> StartAsync()
    {
        var health = new HealthServiceImpl();
        health.SetStatus("", ServingStatus.Serving);
        return TestServer.StartAsync(
            options => options.ResponseCompressionAlgorithm = "gzip",
            services => services.AddSingleton(health).AddGrpcReflection(),
            app =>
            {
                app.MapGrpcService<HealthServiceImpl>();
                app.MapGrpcReflectionService();
            });
    }
}
