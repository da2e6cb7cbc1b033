using Grpc.Core;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.Inference.Models;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

namespace KvCluster.Gateway.Tests.Requests;

public sealed class StartTests
{
    [Fact]
    public void Create_BadOptions_OneExceptionNamesAll()
    {
        HostStartException e = Assert.Throws<HostStartException>(() => GatewayHost.Create(new GatewayOptions
        {
            HttpAddress = "nowhere",
            MaxQueuedRequests = 0,
            LeaseMs = 1,
        }));
        Assert.Equal(HostStartException.BadSettings, e.ExitCode);
        Assert.All(["HttpAddress", "MaxQueuedRequests", "LeaseMs", "ModelFolder"], name => Assert.Contains(name, e.Message));
    }

    [Fact]
    public void Create_MisspeltArgument_Refused() => Assert.Contains(
        "--ModelFolde ", Assert.Throws<HostStartException>(() => GatewayHost.Create(["--ModelFolde", "x"])).Message);

    [Fact]
    public void Create_NoSuchModelFolder_ModelLoadException() => Assert.Throws<ModelLoadException>(
        () => GatewayHost.Create(["--ModelFolder", "/no/such/folder"]));

    [Fact]
    public async Task Start_PortInUse_HostStartException()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 0, decode: 0, store: false);
        await using WebApplication second = GatewayHost.Create(new GatewayOptions
        {
            HttpAddress = cluster.Http.BaseAddress!.GetLeftPart(UriPartial.Authority),
            GrpcAddress = "http://127.0.0.1:0",
            ModelFolder = TestCluster.ModelFolder,
        });
        HostStartException e = await Assert.ThrowsAsync<HostStartException>(() => ServiceHost.StartAsync(second, Timeouts.Token()));
        Assert.Equal(HostStartException.Failed, e.ExitCode);
    }

    [Fact]
    public async Task Stop_WhileARequestRuns_ItEndsFirst()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        var gate = new TaskCompletionSource();
        cluster.Decode[0].Behavior.ReadyGate = gate;
        int[] prompt = cluster.Prompt();
        Task<List<GenerateReply>> answer = cluster.AllAsync(TestCluster.Request(prompt, 20));
        await Timeouts.UntilAsync(() => Task.FromResult(cluster.Decode[0].Behavior.ActiveCallCount == 1), "the request is at its worker");
        Task stop = ((IHost)cluster.Gateway).StopAsync(Timeouts.Token());
        Assert.Equal(StatusCode.Unavailable, (await cluster.FailureAsync(TestCluster.Request(prompt, 20))).StatusCode);
        Assert.False(stop.IsCompleted);
        gate.SetResult();
        Assert.Equal(cluster.Script.Continue(prompt, 20), (await answer).TokenIds());
        await stop;
    }
}
