using Grpc.Net.Client;
using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Grains;
using KvCluster.Gateway.Models;
using KvCluster.Gateway.Routing;
using KvCluster.Protocol;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Gateway.Tests.Workers;

/// <summary>A real Gateway on loopback with scripted workers.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private readonly WebApplication _gateway;
    private readonly GrpcChannel _channel;

    private TestCluster(WebApplication gateway)
    {
        _gateway = gateway;
        _channel = GrpcChannels.Create(GatewayHost.GrpcAddressOf(gateway));
        Client = new V1.Inference.InferenceClient(_channel);
        Http = new HttpClient { BaseAddress = new Uri(GatewayHost.HttpAddressOf(gateway)), Timeout = Timeouts.Long };
        Model = gateway.Services.GetRequiredService<ServedModel>();
        Script = new Script { Alphabet = [.. "abcdefghijklmnopqrstuvwxyz".Select(c => Assert.Single(Model.Tokenizer.Encode(c.ToString())))] };
    }

    public static string ModelFolder => Path.Combine(RepositoryRoot(), "models", "demo", "model");

    public WebApplication Gateway => _gateway;

    public V1.Inference.InferenceClient Client { get; }

    public V1.Cluster.ClusterClient Members => new(_channel);

    public HttpClient Http { get; }

    public ServedModel Model { get; }

    public Script Script { get; }

    public List<TestWorker> Prefill { get; } = [];

    public List<TestWorker> Decode { get; } = [];

    public TestWorker Store { get; private set; } = null!;

    public IServiceProvider Services => _gateway.Services;

    public static async Task<TestCluster> StartAsync(
        int prefill = 1, int decode = 1, bool store = true, Action<GatewayOptions>? configure = null)
    {
        var options = new GatewayOptions
        {
            HttpAddress = "http://127.0.0.1:0",
            GrpcAddress = "http://127.0.0.1:0",
            ModelFolder = ModelFolder,
            HeartbeatIntervalMs = 2000,
        };
        configure?.Invoke(options);
        WebApplication gateway = GatewayHost.Create(options);
        await gateway.StartAsync(Timeouts.Token());
        var cluster = new TestCluster(gateway);
        if (store)
        {
            cluster.Store = await cluster.AddAsync("store-0", WorkerRole.Kvstore);
        }

        for (int i = 0; i < prefill; i++)
        {
            cluster.Prefill.Add(await cluster.AddAsync($"prefill-{i}", WorkerRole.Prefill));
        }

        for (int i = 0; i < decode; i++)
        {
            cluster.Decode.Add(await cluster.AddAsync($"decode-{i}", WorkerRole.Decode));
        }

        return cluster;
    }

    public Task<TestWorker> AddAsync(string id, WorkerRole role) =>
        TestWorker.StartAsync(GatewayHost.GrpcAddressOf(_gateway), id, role, Script);

    /// <summary>A prompt of random letters: cold, and long enough for a prefill worker unless told otherwise.</summary>
    public int[] Prompt(int length = 200, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => Script.Alphabet[random.Next(Script.Alphabet.Length)])];
    }

    public static GenerateRequest Request(int[] prompt, int maxTokens)
    {
        var request = new GenerateRequest { Model = "demo", TokenIds = new TokenIds(), Sampling = new Sampling { MaxTokens = maxTokens, Temperature = 0 } };
        request.TokenIds.Ids.AddRange(prompt);
        return request;
    }

    /// <summary>Nothing is held any more: no placement, no lease, no call.</summary>
    public Task UntilAllReleasedAsync() => Timeouts.UntilAsync(
        async () =>
        {
            WorkerState[] states = await Services.GetRequiredService<IGrainFactory>()
                .GetGrain<IMembershipGrain>(IMembershipGrain.Key).ListWorkers();
            AdmissionGate gate = Services.GetRequiredService<AdmissionGate>();
            return states.All(state => state.ReservationCount == 0)
                && Prefill.Concat(Decode).All(worker => worker.Behavior.ActiveCallCount == 0)
                && (Store is null || Store.Store.LeaseCount == 0)
                && gate is { RunningCount: 0, QueuedCount: 0 };
        },
        "placements, leases, calls and tickets are given back");

    public async ValueTask DisposeAsync()
    {
        foreach (TestWorker worker in Prefill.Concat(Decode).Append(Store).Where(worker => worker is not null))
        {
            await worker.DisposeAsync();
        }

        Http.Dispose();
        _channel.Dispose();
        await _gateway.DisposeAsync();
    }

    private static string RepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "KvCluster.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("The tests run outside of the repository.");
    }
}
