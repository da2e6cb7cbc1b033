using Grpc.Net.Client;
using KvCluster.Protocol;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>The four hosts as processes of <c>kvcluster serve --role</c>, as the README starts them; of workers there may be several.</summary>
internal sealed class FourProcesses : IAsyncDisposable
{
    private readonly Dictionary<string, KvClusterProcess> _processes = [];
    private readonly string _kvSpec;
    private string _gatewayAddress = "";
    private GrpcChannel? _channel;

    private FourProcesses(string kvSpec) => _kvSpec = kvSpec;

    public V1.Inference.InferenceClient Inference => new(_channel);

    public static async Task<FourProcesses> StartAsync(string kvSpec, string handOff = "store", int prefillCount = 1, int decodeCount = 1)
    {
        var four = new FourProcesses(kvSpec);
        try
        {
            KvClusterProcess gateway = four.Start("gateway", "--role", "gateway", "--http", "0", "--grpc", "0", "--handoff", handOff);
            string listening = await gateway.WaitForLineAsync("gateway listens on ");
            four._gatewayAddress = listening.Split(' ')[^1].Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal);
            four.Start("kvstore", "--role", "kvstore", "--gateway", four._gatewayAddress, "--listen", "http://127.0.0.1:0");
            for (int i = 0; i < prefillCount; i++)
            {
                four.StartWorker("prefill", i);
            }

            for (int i = 0; i < decodeCount; i++)
            {
                four.StartWorker("decode", i);
            }

            await gateway.WaitForLineAsync("ready ");
            four._channel = GrpcChannels.Create(four._gatewayAddress);
            await four.WaitForWorkersAsync();
            return four;
        }
        catch
        {
            await four.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a worker, also in place of one that was killed.</summary>
    public void StartWorker(string role, int index) => Start(
        $"{role}-{index}", "--role", role, "--gateway", _gatewayAddress, "--listen", "http://127.0.0.1:0", "--kv", _kvSpec, "--id", $"{role}-{index}");

    /// <summary>As kill -9 does.</summary>
    public async Task KillAsync(string role, int index)
    {
        string name = $"{role}-{index}";
        await _processes[name].DisposeAsync();
        _processes.Remove(name);
    }

    /// <summary>Waits until every process but the Gateway is a member.</summary>
    public async Task WaitForWorkersAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var membership = new V1.Cluster.ClusterClient(_channel);
        do
        {
            V1.ListWorkersReply members = await membership.ListWorkersAsync(new V1.ListWorkersRequest(), cancellationToken: patience.Token);
            if (members.Workers.Count == _processes.Count - 1)
            {
                return;
            }
        }
        while (await timer.WaitForNextTickAsync(patience.Token));
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        foreach (KvClusterProcess process in _processes.Values.Reverse())
        {
            await process.DisposeAsync();
        }
    }

    private KvClusterProcess Start(string name, params string[] options)
    {
        KvClusterProcess process = KvClusterProcess.Start(["serve", .. options]);
        _processes.Add(name, process);
        return process;
    }
}
