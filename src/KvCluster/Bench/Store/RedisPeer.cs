using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>A <c>redis-server</c> of this benchmark's own, in memory only, behind StackExchange.Redis.</summary>
internal sealed class RedisPeer : IDisposable
{
    private readonly RedisProcess _process;
    private readonly ConnectionMultiplexer _connection;

    private RedisPeer(RedisProcess process, ConnectionMultiplexer connection) => (_process, _connection) = (process, connection);

    private IDatabase Database => _connection.GetDatabase();

    /// <summary>Null when there is no <c>redis-server</c> on this machine.</summary>
    public static async Task<RedisPeer?> StartAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        int port = FreePort.Next();
        if (RedisProcess.TryStart($"--port {port} --bind 127.0.0.1") is not { } process)
        {
            return null;
        }

        try
        {
            return new RedisPeer(process, await RedisProcess.ConnectAsync(() => ConnectAsync(port, cancellationToken), time, cancellationToken));
        }
        catch
        {
            process.Dispose();
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
        _process.Dispose();
    }

    private static async Task<ConnectionMultiplexer> ConnectAsync(int port, CancellationToken cancellationToken)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await probe.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
        return await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port},syncTimeout=30000");
    }
}
