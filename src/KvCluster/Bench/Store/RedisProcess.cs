using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>A <c>redis-server</c> of a benchmark's own, in memory only.</summary>
internal sealed class RedisProcess : IDisposable
{
    private const int ConnectAttempts = 100;
    private static readonly TimeSpan AttemptPause = TimeSpan.FromMilliseconds(50);
    private readonly Process _process;

    private RedisProcess(Process process)
    {
        _process = process;
        _ = process.StandardOutput.ReadToEndAsync();
    }

    /// <param name="endpoint">Where it listens, as its command line has it.</param>
    /// <returns>Null when there is no <c>redis-server</c> on this machine.</returns>
    public static RedisProcess? TryStart(string endpoint)
    {
        try
        {
            return new RedisProcess(
                Process.Start(new ProcessStartInfo("redis-server", $"{endpoint} --save \"\" --appendonly no") { RedirectStandardOutput = true })!);
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Connects as soon as it listens.</summary>
    public static async Task<T> ConnectAsync<T>(Func<Task<T>> connect, TimeProvider time, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await connect();
            }
            catch (SocketException) when (attempt < ConnectAttempts)
            {
                await Task.Delay(AttemptPause, time, cancellationToken);
            }
        }
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
