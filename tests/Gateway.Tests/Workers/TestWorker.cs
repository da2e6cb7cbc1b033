using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.Protocol;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Gateway.Tests.Workers;

/// <summary>A real gRPC host that registers with a Gateway and plays a worker or a KvStore shard.</summary>
internal sealed class TestWorker : IAsyncDisposable
{
    private static readonly TimeSpan HeartbeatPeriod = TimeSpan.FromMilliseconds(100);

    private readonly WebApplication _app;
    private readonly GrpcChannel _channel;
    private readonly WorkerDescription _description;
    private readonly CancellationTokenSource _stop = new();
    private Task _heartbeats = Task.CompletedTask;

    private TestWorker(WebApplication app, WorkerDescription description, string gatewayAddress)
    {
        _app = app;
        _description = description;
        _channel = GrpcChannels.Create(gatewayAddress);
    }

    public string WorkerId => _description.WorkerId;

    public string Address => _description.Address;

    public WorkerBehavior Behavior => _app.Services.GetRequiredService<WorkerBehavior>();

    public TestKvStoreService Store => _app.Services.GetRequiredService<TestKvStoreService>();

    public ulong Epoch { get; private set; }

    public static async Task<TestWorker> StartAsync(string gatewayAddress, string id, WorkerRole role, Script script, int maxSequences = 64)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder([], isEmbedded: true);
        builder.ListenForGrpc(ListenAddress.Parse("http://127.0.0.1:0"));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(new WorkerBehavior(script)).AddSingleton<TestKvStoreService>();
        WebApplication app = builder.Build();
        app.MapGrpcService<TestPrefillService>();
        app.MapGrpcService<TestDecodeService>();
        app.MapGrpcService<TestKvStoreService>();
        await app.StartAsync(Timeouts.Token());
        var description = new WorkerDescription
        {
            WorkerId = id,
            Role = role,
            Address = ServiceHost.Addresses(app.Services)[0],
            Model = role == WorkerRole.Kvstore ? "" : "demo",
            ModelFingerprint = Script.ModelFingerprint,
            CodecFingerprint = Script.CodecFingerprint,
            KvSpec = "int4",
            MaxContextTokens = 8192,
            MaxSequences = maxSequences,
        };
        var worker = new TestWorker(app, description, gatewayAddress);
        await worker.RegisterAsync();
        worker._heartbeats = worker.BeatAsync();
        return worker;
    }

    public async Task RegisterAsync()
    {
        RegisterReply reply = await new V1.Cluster.ClusterClient(_channel).RegisterAsync(
            new RegisterRequest { Worker = _description }, cancellationToken: Timeouts.Token());
        Epoch = reply.Epoch;
    }

    /// <summary>No more heartbeats; calls are still served.</summary>
    public async Task FallSilentAsync()
    {
        await _stop.CancelAsync();
        await _heartbeats;
    }

    public async ValueTask DisposeAsync()
    {
        await FallSilentAsync();
        _channel.Dispose();
        await _app.DisposeAsync();
        _stop.Dispose();
    }

    private async Task BeatAsync()
    {
        var client = new V1.Cluster.ClusterClient(_channel);
        using var timer = new PeriodicTimer(HeartbeatPeriod);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                try
                {
                    await client.HeartbeatAsync(
                        new HeartbeatRequest { WorkerId = WorkerId, Epoch = Epoch, Load = new WorkerLoad { QueuedTokens = Behavior.QueuedTokens?.Invoke() ?? 0 } }, cancellationToken: _stop.Token);
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.NotFound)
                {
                    await RegisterAsync();
                }
                catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Internal && !_stop.IsCancellationRequested)
                {
                    // The Gateway is gone, or a fault of this worker cut the connection under the heartbeat.
                }
            }
        }
        catch (Exception e) when (_stop.IsCancellationRequested && e is OperationCanceledException or RpcException)
        {
            return;
        }
    }
}
