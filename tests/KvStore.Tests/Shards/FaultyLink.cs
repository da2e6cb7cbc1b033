using System.Net;
using System.Net.Sockets;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>A TCP link to a shard that can hold back, damage or cut what the shard sends, and damage what is sent to it.</summary>
internal sealed class FaultyLink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _sockets = [];
    private readonly Lock _lock = new();
    private readonly Task _accepting;
    private long _byteCount;
    private TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FaultyLink(string? target = null)
    {
        TargetPort = target is null ? 0 : new Uri(target).Port;
        _gate.SetResult();
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    public string Address => $"http://127.0.0.1:{Port}";

    /// <summary>Of the shard on this machine; set it before the first connection.</summary>
    public int TargetPort { get; set; }

    /// <summary>Changes bytes on their way from the shard; null: none.</summary>
    public Action<Memory<byte>>? Damage { get; set; }

    /// <summary>Changes bytes on their way to the shard; null: none.</summary>
    public Action<Memory<byte>>? DamageToShard { get; set; }

    /// <summary>The first bytes of a connection in either direction, which are never changed.</summary>
    public int SparedBytes { get; init; }

    /// <summary>Bytes that were passed on, in either direction.</summary>
    public long ByteCount => Interlocked.Read(ref _byteCount);

    /// <summary>What the shard sends waits here from now on.</summary>
    public void Hold() => _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => _gate.TrySetResult();

    /// <summary>Breaks every connection.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            _sockets.ForEach(socket => socket.Dispose());
            _sockets.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting.Soon();
        _listener.Stop();
        Release();
        Cut();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stop.Token);
                var shard = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                client.NoDelay = true;
                lock (_lock)
                {
                    _sockets.AddRange([client, shard]);
                }

                await shard.ConnectAsync(IPAddress.Loopback, TargetPort, _stop.Token);
                _ = PumpAsync(client, shard, isFromShard: false);
                _ = PumpAsync(shard, client, isFromShard: true);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool isFromShard)
    {
        byte[] buffer = new byte[64 << 10];
        int spared = SparedBytes;
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var length)
            {
                if (isFromShard)
                {
                    await _gate.Task;
                }

                int first = Math.Min(spared, length);
                spared -= first;
                (isFromShard ? Damage : DamageToShard)?.Invoke(buffer.AsMemory(first, length - first));
                Interlocked.Add(ref _byteCount, length);

                for (int sent = 0; sent < length;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, length - sent));
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut.
        }
        finally
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
