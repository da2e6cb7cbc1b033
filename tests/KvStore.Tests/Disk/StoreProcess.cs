using System.Diagnostics;
using Grpc.Net.Client;
using KvCluster.Protocol;

namespace KvCluster.KvStore.Tests.Disk;

/// <summary>A KvStore host as a process of its own, to be killed.</summary>
internal sealed class StoreProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private StoreProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public string Address { get; private set; } = "";

    public GrpcChannel? Channel { get; private set; }

    /// <summary>A shard with little memory, so that blocks go to disk all the time.</summary>
    public static Task<StoreProcess> StartAsync(string dataFolder, long memoryBytes, long diskBytes) => StartAsync(
        "--ListenAddress=http://127.0.0.1:0",
        $"--DataFolder={dataFolder}",
        $"--MemoryBudgetBytes={memoryBytes}",
        $"--DiskBudgetBytes={diskBytes}");

    public static async Task<StoreProcess> StartAsync(params string[] options)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "KvCluster.KvStore.dll"));
        Array.ForEach(options, start.ArgumentList.Add);
        var process = new StoreProcess(Process.Start(start)!);
        string? ready = await process._process.StandardOutput.ReadLineAsync().Soon();
        if (ready is not null)
        {
            process.Address = ready.Split(' ')[1];
            process.Channel = GrpcChannels.Create(process.Address);

            // Nobody reads its log, but a full pipe would hold it up.
            _ = process._process.StandardOutput.ReadToEndAsync();
        }

        return process;
    }

    /// <summary>As kill -9 does: nothing of it runs any more.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().Soon();
    }

    /// <summary>For a start that is refused: exit code and what it said.</summary>
    public async Task<(int ExitCode, string Errors)> EndAsync()
    {
        await _process.WaitForExitAsync().Soon();
        return (_process.ExitCode, await _errors.Soon());
    }

    public async ValueTask DisposeAsync()
    {
        Channel?.Dispose();
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }
}
