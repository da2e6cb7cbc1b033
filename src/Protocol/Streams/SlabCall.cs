using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.Protocol.Streams;

/// <summary>The client's side of one call over a slab stream: how it ends, and what becomes of the connection.</summary>
internal abstract class SlabCall : IDisposable
{
    private readonly SlabConnectionPool _pool;
    private readonly CancellationTokenRegistration _cancellation;
    private readonly CancellationToken _cancellationToken;
    private SlabSocket? _owned;
    private volatile bool _isDisposed;
    private volatile RpcException? _refusal;

    protected SlabCall(SlabSocket connection, SlabConnectionPool pool, CancellationToken cancellationToken)
    {
        Connection = connection;
        _owned = connection;
        _pool = pool;
        _cancellationToken = cancellationToken;
        _cancellation = cancellationToken.UnsafeRegister(static call => ((SlabCall)call!).Break(), this);
    }

    public Status Status { get; private set; }

    public Metadata Trailers { get; } = [];

    protected SlabSocket Connection { get; }

    /// <summary>Cancels a call that has not ended: the shard sees the connection close.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _cancellation.Dispose();
        Break();
    }

    /// <summary>Takes in how the call ended.</summary>
    /// <exception cref="RpcException">Not with OK.</exception>
    /// <exception cref="InvalidDataException">With OK and a reason why not.</exception>
    protected PutReply? End(in SlabMessage message)
    {
        SlabStreamStatus end = SlabStreamStatus.Parser.ParseFrom(message.Extra);
        if (end.Code == (int)StatusCode.OK && end.Detail.Length > 0)
        {
            throw new InvalidDataException($"the store ended a call with OK and yet with a reason: {end.Detail}");
        }

        foreach ((string key, string value) in end.Trailers)
        {
            Trailers.Add(key, value);
        }

        var status = new Status((StatusCode)end.Code, end.Detail);
        Status = status;
        if (status.StatusCode != StatusCode.OK)
        {
            // First of all: whatever still sends fails as soon as the connection is closed, and not for that.
            var refusal = new RpcException(status, Trailers);
            _refusal = refusal;
            _cancellation.Dispose();
            Break();
            throw refusal;
        }

        return end.PutReply;
    }

    /// <summary>Both ends have said all of this call, and nothing else: the connection may carry the next.</summary>
    protected void Release()
    {
        _cancellation.Dispose();
        if (Interlocked.Exchange(ref _owned, null) is { } connection)
        {
            _pool.Return(connection);
        }
    }

    /// <summary>What gRPC would throw for this error of the connection.</summary>
    protected RpcException Failure(Exception error)
    {
        if (_refusal is { } refusal)
        {
            return new RpcException(refusal.Status, Trailers);
        }

        bool isCancelled = _isDisposed || _cancellationToken.IsCancellationRequested || error is OperationCanceledException;
        bool isBroken = error is InvalidDataException or InvalidProtocolBufferException;
        Break();
        Status = isCancelled ? new Status(StatusCode.Cancelled, "the call was cancelled")
            : isBroken ? new Status(StatusCode.Internal, error.Message, error)
            : new Status(StatusCode.Unavailable, $"the connection to the store broke: {error.Message}", error);
        return new RpcException(Status, Trailers);
    }

    protected static bool IsOfConnection(Exception error) =>
        error is SocketException or IOException or ObjectDisposedException or OperationCanceledException or InvalidDataException or InvalidProtocolBufferException;

    private void Break() => Interlocked.Exchange(ref _owned, null)?.Dispose();
}
