using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using KvCluster.Protocol.Streams;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>
/// A <c>redis-server</c> of this benchmark's own on a Unix socket, behind nothing but its protocol: StackExchange.Redis 1.2.6 connects to no Unix socket, and a bare
/// client is no slower.
/// </summary>
internal sealed class LocalRedisPeer : IDisposable
{
    private static readonly byte[] LineEnd = "\r\n"u8.ToArray();
    private readonly ConcurrentBag<Socket> _connections = [];
    private readonly RedisProcess _process;
    private readonly string _path;

    private LocalRedisPeer(RedisProcess process, string path) => (_process, _path) = (process, path);

    /// <summary>Null when there is no <c>redis-server</c> on this machine.</summary>
    public static async Task<LocalRedisPeer?> StartAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        string path = Path.Combine(Path.GetTempPath(), $"kvcluster-{Path.GetRandomFileName()}");
        if (RedisProcess.TryStart($"--port 0 --unixsocket {path}") is not { } process)
        {
            return null;
        }

        var peer = new LocalRedisPeer(process, path);
        try
        {
            peer._connections.Add(await RedisProcess.ConnectAsync(() => Task.FromResult(peer.Connect()), time, cancellationToken));
            return peer;
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    /// <summary>All values in one go, on a connection of the call's own.</summary>
    public Task SetAsync(IReadOnlyList<KeyValuePair<string, byte[]>> values) => CallAsync(
        async socket =>
        {
            foreach ((string key, byte[] value) in values)
            {
                await SendAsync(socket, Encoding.ASCII.GetBytes($"*3\r\n$3\r\nSET\r\n${key.Length}\r\n{key}\r\n${value.Length}\r\n"));
                await SendAsync(socket, value);
                await SendAsync(socket, LineEnd);
            }
        },
        socket => ReceiveAsync(socket, new byte["+OK\r\n".Length * values.Count]));

    public Task GetAsync(IReadOnlyList<string> keys, int sizeBytes) => CallAsync(
        socket => SendAsync(socket, Encoding.ASCII.GetBytes(string.Concat(keys.Select(key => $"*2\r\n$3\r\nGET\r\n${key.Length}\r\n{key}\r\n")))),
        async socket =>
        {
            byte[] start = Encoding.ASCII.GetBytes($"${sizeBytes}\r\n");
            for (int i = 0; i < keys.Count; i++)
            {
                // Into memory of its own, as any client has to.
                byte[] value = new byte[start.Length + sizeBytes + LineEnd.Length];
                await ReceiveAsync(socket, value);
                if (!value.AsSpan().StartsWith(start))
                {
                    throw new InvalidOperationException("Redis lost a value");
                }
            }
        });

    public void Dispose()
    {
        foreach (Socket connection in _connections)
        {
            connection.Dispose();
        }

        _process.Dispose();
        File.Delete(_path);
    }

    private async Task CallAsync(Func<Socket, Task> send, Func<Socket, Task> receive)
    {
        Socket connection = _connections.TryTake(out Socket? idle) ? idle : Connect();
        await Task.WhenAll(Task.Run(() => send(connection)), receive(connection));
        _connections.Add(connection);
    }

    private Socket Connect()
    {
        Socket socket = LocalSlabSocket.Create();
        socket.Connect(new UnixDomainSocketEndPoint(_path));
        return socket;
    }

    private static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await socket.SendAsync(bytes)..];
        }
    }

    private static async Task ReceiveAsync(Socket socket, Memory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int count = await socket.ReceiveAsync(bytes);
            bytes = count > 0 ? bytes[count..] : throw new IOException("Redis closed the connection");
        }
    }
}
