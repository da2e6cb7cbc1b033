using System.Net;
using System.Net.Sockets;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>A link to a shard, over TCP or a Unix socket, that can hold back, damage or cut what the shard sends, and damage what is sent to it.</summary>
internal sealed class FaultyLink : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly string? _targetPath;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _sockets = [];
    private readonly Lock _lock = new();
    private readonly Task _accepting;
    private long _byteCount;
    private TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FaultyLink(string? target = null)
        : this(new IPEndPoint(IPAddress.Loopback, 0)) => TargetPort = target is null ? 0 : new Uri(target).Port;

    private FaultyLink(EndPoint place, string? targetPath = null)
    {
        _targetPath = targetPath;
        _gate.SetResult();
        _listener = new Socket(place.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(place);
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

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

    /// <summary>Takes the place of a shard's Unix socket, which has another from now on.</summary>
    public static FaultyLink Before(string socketPath, int sparedBytes)
    {
        string moved = $"{socketPath}.shard";
        File.Move(socketPath, moved);
        return new FaultyLink(new UnixDomainSocketEndPoint(socketPath), moved) { SparedBytes = sparedBytes };
    }

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
        _listener.Dispose();
        Release();
        Cut();
        _stop.Dispose();
        if (_targetPath is not null)
        {
            File.Delete(_targetPath);
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync(_stop.Token);
                EndPoint target = _targetPath is null ? new IPEndPoint(IPAddress.Loopback, TargetPort) : new UnixDomainSocketEndPoint(_targetPath);
                var shard = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
                if (_targetPath is null)
                {
                    client.NoDelay = shard.NoDelay = true;
                }

                lock (_lock)
                {
                    _sockets.AddRange([client, shard]);
                }

                await shard.ConnectAsync(target, _stop.Token);
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
