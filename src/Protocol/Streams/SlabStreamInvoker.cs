using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol.Streams;

/// <summary>
/// Calls to one shard: Put and Get over slab streams where it serves them and a connection is ready, all else, and these otherwise, over gRPC.
/// Callers see no difference but speed.
/// </summary>
public sealed class SlabStreamInvoker : CallInvoker, IDisposable
{
    private readonly CallInvoker _grpc;
    private readonly SlabConnectionPool? _pool;

    /// <param name="grpc">Calls over the shard's gRPC channel.</param>
    /// <param name="address">Of that channel. Only <c>http://</c> has slab streams.</param>
    /// <param name="time">Paces attempts to connect.</param>
    /// <param name="usesLocalSockets">Whether connections within this machine go over the shard's Unix socket, when it has one.</param>
    public SlabStreamInvoker(CallInvoker grpc, string address, TimeProvider? time = null, bool usesLocalSockets = true)
    {
        _grpc = grpc;
        if (Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme == Uri.UriSchemeHttp)
        {
            if (usesLocalSockets && LocalSlabSocket.IsSupported)
            {
                // Before the first slab is rented: those that are can't be lent.
                SlabPool.Shared.TryShareMemory();
            }

            _pool = new SlabConnectionPool(cancellationToken => LocateAsync(uri.DnsSafeHost, usesLocalSockets, cancellationToken), time ?? TimeProvider.System);
        }
    }

    /// <summary>Opens a connection ahead of the first call; returns when that has been tried.</summary>
    public Task ConnectAsync() => _pool?.ConnectAsync() ?? Task.CompletedTask;

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        if (typeof(TRequest) != typeof(SlabFrame) || typeof(TResponse) != typeof(PutReply) || !TryTake(options, out SlabSocket? connection))
        {
            return _grpc.AsyncClientStreamingCall(method, host, options);
        }

        var call = new SlabPutCall(connection!, _pool!, options.CancellationToken);
        var result = new AsyncClientStreamingCall<SlabFrame, PutReply>(
            call, call.Response, Task.FromResult(new Metadata()), () => call.Status, () => call.Trailers, call.Dispose);
        return (AsyncClientStreamingCall<TRequest, TResponse>)(object)result;
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        if (request is not GetRequest get || !TryTake(options, out SlabSocket? connection))
        {
            return _grpc.AsyncServerStreamingCall(method, host, options, request);
        }

        var call = new SlabGetCall(get, connection!, _pool!, options.CancellationToken);
        var result = new AsyncServerStreamingCall<SlabFrame>(
            call, Task.FromResult(new Metadata()), () => call.Status, () => call.Trailers, call.Dispose);
        return (AsyncServerStreamingCall<TResponse>)(object)result;
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        _grpc.BlockingUnaryCall(method, host, options, request);

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        _grpc.AsyncUnaryCall(method, host, options, request);

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        _grpc.AsyncDuplexStreamingCall(method, host, options);

    public void Dispose() => _pool?.Dispose();

    /// <summary>Deadlines and headers are gRPC's alone.</summary>
    private bool TryTake(in CallOptions options, out SlabSocket? connection)
    {
        connection = null;
        return options.Deadline is null && options.Headers is not { Count: > 0 } && _pool?.TryTake(out connection) == true;
    }

    private async Task<SlabPlace?> LocateAsync(string host, bool usesLocalSockets, CancellationToken cancellationToken)
    {
        EndpointsReply reply = await new V1.KvStore.KvStoreClient(_grpc).EndpointsAsync(new EndpointsRequest(), cancellationToken: cancellationToken);
        return reply.SlabPort is > 0 and <= ushort.MaxValue
            ? new SlabPlace(host, reply.SlabPort, usesLocalSockets ? reply.SlabSocket : "", reply.SlabSocketId.Memory)
            : null;
    }
}
