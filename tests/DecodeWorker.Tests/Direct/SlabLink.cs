using System.Net;
using System.Net.Sockets;

namespace KvCluster.DecodeWorker.Tests.Direct;

/// <summary>A TCP link to a decode worker's slab streams that can hold back, damage or cut what prefill workers send.</summary>
internal sealed class SlabLink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _sockets = [];
    private readonly Lock _gate = new();
    private readonly Task _accepting;
    private TaskCompletionSource _hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _byteCount;

    public SlabLink()
    {
        _hold.SetResult();
        TargetPort = FreePort();
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where the decode worker is to serve them.</summary>
    public int TargetPort { get; }

    /// <summary>Where it is to say that it does.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Bytes that prefill workers sent.</summary>
    public long ByteCount => Interlocked.Read(ref _byteCount);

    /// <summary>Changes what prefill workers send, told how many bytes came before; null: nothing.</summary>
    public Action<Memory<byte>, long>? Damage { get; set; }

    public void Hold() => _hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => _hold.TrySetResult();

    /// <summary>Breaks every connection.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            _sockets.ForEach(socket => socket.Dispose());
            _sockets.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Stop();
        Release();
        Cut();
        _stop.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stop.Token);
                var worker = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                client.NoDelay = true;
                lock (_gate)
                {
                    _sockets.AddRange([client, worker]);
                }

                await worker.ConnectAsync(IPAddress.Loopback, TargetPort, _stop.Token);
                _ = PumpAsync(client, worker, isToWorker: true);
                _ = PumpAsync(worker, client, isToWorker: false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool isToWorker)
    {
        var buffer = new byte[16 << 10];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var length)
            {
                if (isToWorker)
                {
                    var before = Interlocked.Add(ref _byteCount, length) - length;
                    await _hold.Task;
                    Damage?.Invoke(buffer.AsMemory(0, length), before);
                }

                for (var sent = 0; sent < length;)
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
