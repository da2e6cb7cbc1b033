using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Streams;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>Takes connections for slab streams (docs/slab-stream.md) and serves each until it ends, or the host does.</summary>
public sealed class SlabListener(SlabEndpoint endpoint, ISlabCalls calls, TimeProvider time, ILogger<SlabListener> logger) : IHostedService, IDisposable
{
    private const int Backlog = 512;
    private const int MaxConnectionCount = 4096;
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(10);

    private readonly ConcurrentDictionary<SlabConnection, Task> _connections = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Meter _meter = new("kvcluster.slab_streams");
    private readonly SlabTraffic _traffic = new();
    private long _brokenCount;
    private Socket? _listener;
    private SlabSocketFile? _file;
    private Task _accepting = Task.CompletedTask;

    /// <summary>0 before the start, and when slab streams are off.</summary>
    public int Port => (_listener?.LocalEndPoint as IPEndPoint)?.Port ?? 0;

    /// <summary>What clients are told.</summary>
    public EndpointsReply Advertised => new()
    {
        SlabPort = Port > 0 && endpoint.AdvertisedSlabPort > 0 ? endpoint.AdvertisedSlabPort : Port,
        SlabSocket = _file?.Path ?? "",
        SlabSocketId = _file is null ? ByteString.Empty : ByteString.CopyFrom(_file.Id),
    };

    /// <summary>Connections that are open, in a call or between two.</summary>
    public int ConnectionCount => _connections.Count;

    /// <summary>Those of them over the Unix socket.</summary>
    public int LocalConnectionCount => _connections.Keys.Count(connection => connection.IsLocal);

    /// <summary>Connections that were closed because what came was no message, e.g. damaged on the way, or none that may come then.</summary>
    public long BrokenCount => Interlocked.Read(ref _brokenCount);

    /// <summary>Slabs that went by reference, either way.</summary>
    public long ReferredSlabCount => _traffic.ReferredSlabCount;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var address = ListenAddress.Parse(endpoint.ListenAddress);
        int port = endpoint.Port;
        if (address.SocketPath is not null || port < 0)
        {
            return Task.CompletedTask;
        }

        bool isDual = IPAddress.Any.Equals(address.IPAddress) && Socket.OSSupportsIPv6;
        IPAddress ip = isDual ? IPAddress.IPv6Any : address.IPAddress ?? IPAddress.Loopback;
        var listener = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (isDual)
            {
                listener.DualMode = true;
            }

            listener.Bind(new IPEndPoint(ip, port));
            listener.Listen(Backlog);
        }
        catch (SocketException error)
        {
            listener.Dispose();
            throw new HostStartException($"port {port} for slab streams: {error.Message}; choose another with {nameof(SlabEndpoint.SlabPort)}", innerException: error);
        }

        _listener = listener;
        _meter.CreateObservableGauge("kvcluster.slab_streams.connections", () => ConnectionCount, null, "Connections that are open.");
        _meter.CreateObservableCounter("kvcluster.slab_streams.broken.connections", () => BrokenCount, null, "Connections closed because what came was damaged or out of place.");
        _meter.CreateObservableCounter("kvcluster.slab_streams.referred.slabs", () => _traffic.ReferredSlabCount, null, "Slabs sent or received by reference.");
        _meter.CreateObservableCounter("kvcluster.slab_streams.referred.bytes", () => _traffic.ReferredByteCount, "By", "Bytes of slabs sent or received by reference.");
        OpenSocketFile();
        _accepting = Task.WhenAll(AcceptAsync(listener, default), _file is null ? Task.CompletedTask : AcceptAsync(_file.Listener, _file.Id));
        return Task.CompletedTask;
    }

    /// <summary>Takes no more calls, and waits for those that run until <paramref name="cancellationToken"/> says that it is enough.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        _listener?.Dispose();
        _file?.Dispose();
        await _accepting;
        await using CancellationTokenRegistration enough = cancellationToken.UnsafeRegister(_ => BreakAll(), null);
        await Task.WhenAll(_connections.Values);
    }

    public void Dispose()
    {
        _listener?.Dispose();
        _file?.Dispose();
        BreakAll();
        _meter.Dispose();
        _stopping.Dispose();
    }

    private void OpenSocketFile()
    {
        if (!LocalSlabSocket.IsSupported || endpoint.SlabSocketFolder.Length == 0 || (endpoint.AdvertisedSlabPort > 0 && endpoint.AdvertisedSlabPort != Port))
        {
            return;
        }

        try
        {
            _file = SlabSocketFile.Open(endpoint.SlabSocketFolder, Backlog);
            SlabPool.Shared.TryShareMemory();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or SocketException)
        {
            Log.NoSocket(logger, endpoint.SlabSocketFolder, error.Message);
        }
    }

    private async Task AcceptAsync(Socket listener, ReadOnlyMemory<byte> socketId)
    {
        while (!_stopping.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync(_stopping.Token);
                if (socketId.IsEmpty)
                {
                    socket.NoDelay = true;
                    socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
                }
                else
                {
                    LocalSlabSocket.SizeBuffers(socket);
                }
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException error)
            {
                // Of one connection that is gone already, or no descriptors are left: the next may do better.
                Log.ConnectionClosed(logger, error.Message);
                await Task.Delay(PauseAfterFailure, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            if (_connections.Count >= MaxConnectionCount)
            {
                // Its calls go over gRPC.
                socket.Dispose();
                continue;
            }

            var connection = new SlabConnection(new SlabSocket(socket, _traffic), socketId, calls, () => Interlocked.Increment(ref _brokenCount), logger);
            var done = new TaskCompletionSource();
            _connections[connection] = done.Task;
            _ = ServeAsync(connection, done);
        }
    }

    private async Task ServeAsync(SlabConnection connection, TaskCompletionSource done)
    {
        await Task.Yield();
        try
        {
            await connection.RunAsync(_stopping.Token);
        }
        finally
        {
            connection.Dispose();
            _connections.TryRemove(connection, out _);
            done.SetResult();
        }
    }

    private void BreakAll()
    {
        foreach (SlabConnection connection in _connections.Keys)
        {
            connection.Dispose();
        }
    }
}
