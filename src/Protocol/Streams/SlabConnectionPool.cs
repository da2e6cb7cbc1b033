using System.Collections.Concurrent;
using System.Net.Sockets;
using Grpc.Core;

namespace KvCluster.Protocol.Streams;

/// <summary>
/// Connections to one shard's slab streams that wait for calls. They are opened in the background, one ahead of what is in use: a call
/// never waits for a connection, it goes over gRPC while there is none.
/// </summary>
/// <param name="locate">Null when the shard serves no slab streams.</param>
/// <param name="time">Paces attempts.</param>
internal sealed class SlabConnectionPool(Func<CancellationToken, Task<SlabPlace?>> locate, TimeProvider time) : IDisposable
{
    private const int MaxIdleCount = 32;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    private readonly ConcurrentStack<SlabSocket> _idle = new();
    private readonly CancellationTokenSource _disposed = new();
    private long _failedAt = long.MinValue;
    private int _isConnecting;

    /// <summary>A connection for one call; <see cref="Return"/> or dispose it.</summary>
    public bool TryTake(out SlabSocket? connection)
    {
        bool isFound;
        while ((isFound = _idle.TryPop(out connection)) && (!connection!.IsQuiet || IsStale(connection)))
        {
            connection.Dispose();
        }

        if (_idle.IsEmpty)
        {
            _ = ConnectAsync();
        }

        return isFound;
    }

    /// <summary>Takes back a connection whose call ended as it should.</summary>
    public void Return(SlabSocket connection)
    {
        if (_disposed.IsCancellationRequested || _idle.Count >= MaxIdleCount || IsStale(connection))
        {
            connection.Dispose();
            return;
        }

        _idle.Push(connection);
        if (_disposed.IsCancellationRequested)
        {
            DisposeIdle();
        }
    }

    /// <summary>Opens a connection now, unless one is being opened or the last attempt failed a moment ago.</summary>
    /// <returns>When the attempt is over. Never fails: calls go over gRPC.</returns>
    public async Task ConnectAsync()
    {
        long failedAt = Volatile.Read(ref _failedAt);
        if ((failedAt != long.MinValue && time.GetElapsedTime(failedAt) < RetryDelay) || Interlocked.Exchange(ref _isConnecting, 1) != 0)
        {
            return;
        }

        try
        {
            using var limit = new CancellationTokenSource(ConnectTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _disposed.Token);
            if (await OpenAsync(either.Token) is { } connection)
            {
                Return(connection);
                Volatile.Write(ref _failedAt, long.MinValue);
                return;
            }
        }
        catch (Exception error) when (error is RpcException or SocketException or IOException or InvalidDataException or OperationCanceledException or ObjectDisposedException)
        {
            // The shard or its port is away, or is an older one: gRPC serves, or says what is wrong.
        }
        finally
        {
            Volatile.Write(ref _isConnecting, 0);
        }

        Volatile.Write(ref _failedAt, time.GetTimestamp());
    }

    public void Dispose()
    {
        _disposed.Cancel();
        DisposeIdle();
    }

    private async Task<SlabSocket?> OpenAsync(CancellationToken cancellationToken)
    {
        if (await locate(cancellationToken) is not { } place)
        {
            return null;
        }

        (SlabSocket? connection, bool wasSlow) = await LocalSlabSocket.TryConnectAsync(place, time, cancellationToken);
        connection ??= await OpenOverTcpAsync(place, cancellationToken);
        connection.StopgapSince = wasSlow ? time.GetTimestamp() : null;
        return connection;
    }

    /// <summary>A connection over TCP for want of a quick answer on the Unix socket gives way to another try.</summary>
    private bool IsStale(SlabSocket connection) => connection.StopgapSince is { } since && time.GetElapsedTime(since) >= RetryDelay;

    private static async Task<SlabSocket> OpenOverTcpAsync(SlabPlace place, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var connection = new SlabSocket(socket);
        try
        {
            await socket.ConnectAsync(place.Host, place.Port, cancellationToken);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            await connection.GreetAsync(default, cancellationToken);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void DisposeIdle()
    {
        while (_idle.TryPop(out SlabSocket? connection))
        {
            connection.Dispose();
        }
    }
}
