using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>
/// A full-duplex link of fixed speed in front of a TCP port: all connections through it share one speed a direction, and other links may share it too.
/// What comes from clients can be held back without slowing them down.
/// </summary>
internal sealed class ShapedLink : IAsyncDisposable
{
    public const int PieceSizeBytes = 64 << 10;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly SharedSpeed _up;
    private readonly SharedSpeed _down;
    private readonly int _targetPort;
    private readonly Task _accepting;
    private TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _byteCount;

    /// <param name="targetPort">Port on this machine to which it leads.</param>
    /// <param name="up">From clients.</param>
    /// <param name="down">To clients.</param>
    public ShapedLink(int targetPort, SharedSpeed up, SharedSpeed down)
    {
        (_targetPort, _up, _down) = (targetPort, up, down);
        _gate.SetResult();
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Bytes that passed, both ways.</summary>
    public long ByteCount => Interlocked.Read(ref _byteCount);

    /// <summary>What clients send is taken and kept from now on.</summary>
    public void Hold() => _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What was kept goes on its way.</summary>
    public void Release() => _gate.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Release();
        foreach (Socket socket in _sockets)
        {
            socket.Dispose();
        }

        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stop.Token);
                var target = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                client.NoDelay = true;
                _sockets.Add(client);
                _sockets.Add(target);
                await target.ConnectAsync(IPAddress.Loopback, _targetPort, _stop.Token);
                _ = CarryAsync(client, target, _up, mayHold: true);
                _ = CarryAsync(target, client, _down, mayHold: false);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task CarryAsync(Socket from, Socket to, SharedSpeed speed, bool mayHold)
    {
        var pieces = Channel.CreateUnbounded<(byte[] Rented, int Length)>();
        Task sending = SendAsync(pieces.Reader, to, speed, mayHold);
        try
        {
            for (int length = -1; length != 0;)
            {
                byte[] piece = ArrayPool<byte>.Shared.Rent(PieceSizeBytes);
                length = await from.ReceiveAsync(piece.AsMemory(0, PieceSizeBytes), _stop.Token);
                await pieces.Writer.WriteAsync((piece, length));
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The end of this connection.
        }

        pieces.Writer.Complete();
        await sending;
        from.Dispose();
        to.Dispose();
    }

    private async Task SendAsync(ChannelReader<(byte[] Rented, int Length)> pieces, Socket to, SharedSpeed speed, bool mayHold)
    {
        try
        {
            await foreach ((byte[] piece, int length) in pieces.ReadAllAsync(_stop.Token))
            {
                if (mayHold)
                {
                    await _gate.Task;
                }

                await speed.PassAsync(length, _stop.Token);
                Interlocked.Add(ref _byteCount, length);
                for (int sent = 0; sent < length;)
                {
                    sent += await to.SendAsync(piece.AsMemory(sent, length - sent), _stop.Token);
                }

                ArrayPool<byte>.Shared.Return(piece);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The end of this connection.
        }
    }
}
