using System.Diagnostics;
using KvCluster.CommandLine.Serve;
using KvCluster.KvStore.Hosting;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>A shard of a benchmark's own as a process of its own, as <c>redis-server</c> is one, in memory only.</summary>
internal sealed class ShardProcess : IDisposable
{
    private readonly Process _process;

    private ShardProcess(Process process, string address) => (_process, Address) = (process, address);

    /// <summary>Of its gRPC.</summary>
    public string Address { get; }

    /// <exception cref="InvalidOperationException">It does not start; its error stream says why.</exception>
    public static async Task<ShardProcess> StartAsync(long memoryBudgetBytes, CancellationToken cancellationToken)
    {
        string[] arguments = ["--ListenAddress=http://127.0.0.1:0", $"--MemoryBudgetBytes={memoryBudgetBytes}", "--Logging:LogLevel:KvCluster=Warning"];
        Process process = Process.Start(HostProgram.Start(typeof(KvStoreHost), arguments))!;
        try
        {
            string[] ready = (await process.StandardOutput.ReadLineAsync(cancellationToken) ?? "").Split(' ');
            _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            return ready.Length > 1 ? new ShardProcess(process, ready[1]) : throw new InvalidOperationException("the shard to be measured did not start");
        }
        catch
        {
            End(process);
            throw;
        }
    }

    public void Dispose() => End(_process);

    private static void End(Process process)
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }
}
