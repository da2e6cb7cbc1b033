using Grpc.Net.Client;
using KvCluster.Protocol;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>The four hosts as four processes of <c>kvcluster serve --role</c>, as the README starts them.</summary>
internal sealed class FourProcesses : IAsyncDisposable
{
    private readonly List<KvClusterProcess> _processes = [];
    private GrpcChannel? _channel;

    private FourProcesses()
    {
    }

    public V1.Inference.InferenceClient Inference => new(_channel);

    public static async Task<FourProcesses> StartAsync(string kvSpec)
    {
        var four = new FourProcesses();
        try
        {
            KvClusterProcess gateway = four.Start("--role", "gateway", "--http", "0", "--grpc", "0");
            string listening = await gateway.WaitForLineAsync("gateway listens on ");
            string grpc = listening.Split(' ')[^1].Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal);
            four.Start("--role", "kvstore", "--gateway", grpc, "--listen", "http://127.0.0.1:0");
            four.Start("--role", "prefill", "--gateway", grpc, "--listen", "http://127.0.0.1:0", "--kv", kvSpec);
            four.Start("--role", "decode", "--gateway", grpc, "--listen", "http://127.0.0.1:0", "--kv", kvSpec);
            await gateway.WaitForLineAsync("ready ");
            four._channel = GrpcChannels.Create(grpc);
            return four;
        }
        catch
        {
            await four.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        foreach (KvClusterProcess process in Enumerable.Reverse(_processes))
        {
            await process.DisposeAsync();
        }
    }

    private KvClusterProcess Start(params string[] options)
    {
        KvClusterProcess process = KvClusterProcess.Start(["serve", .. options]);
        _processes.Add(process);
        return process;
    }
}
