using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>A <c>redis-server</c> of this benchmark's own, in memory only, behind StackExchange.Redis.</summary>
internal sealed class RedisPeer : IDisposable
{
    private const int StartAttempts = 100;
    private readonly Process _process;
    private readonly ConnectionMultiplexer _connection;

    private RedisPeer(Process process, ConnectionMultiplexer connection)
    {
        _process = process;
        _connection = connection;
    }

    private IDatabase Database => _connection.GetDatabase();

    /// <summary>Null when there is no <c>redis-server</c> on this machine.</summary>
    public static async Task<RedisPeer?> StartAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        int port = FreePort();
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo("redis-server", $"--port {port} --bind 127.0.0.1 --save \"\" --appendonly no") { RedirectStandardOutput = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }

        _ = process.StandardOutput.ReadToEndAsync(cancellationToken);
        try
        {
            return new RedisPeer(process, await ConnectAsync(port, time, cancellationToken));
        }
        catch
        {
            process.Kill();
            throw;
        }
    }

    /// <summary>All values at once on the one connection, as StackExchange.Redis pipelines them.</summary>
    public Task SetAsync(IReadOnlyList<KeyValuePair<string, byte[]>> values) =>
        Task.WhenAll(values.Select(value => Database.StringSetAsync(value.Key, value.Value)));

    public async Task GetAsync(IReadOnlyList<string> keys, int sizeBytes)
    {
        foreach (RedisValue value in await Task.WhenAll(keys.Select(key => Database.StringGetAsync(key))))
        {
            if (((byte[]?)value)?.Length != sizeBytes)
            {
                throw new InvalidOperationException("Redis lost a value");
            }
        }
    }

    public void Dispose()
    {
        _connection.Dispose();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static async Task<ConnectionMultiplexer> ConnectAsync(int port, TimeProvider time, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await probe.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
                return await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port},syncTimeout=30000");
            }
            catch (SocketException) when (attempt < StartAttempts)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
