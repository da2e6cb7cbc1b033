using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace KvCluster.Standins.Grpc.Tests.Serving;

/// <summary>Writes down which calls pass, on either side.</summary>
internal sealed class TracingInterceptor(ConcurrentQueue<string> trace, string name) : Interceptor
{
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        trace.Enqueue($"{name} calls {context.Method.Name}");
        return base.AsyncUnaryCall(request, context, continuation);
    }

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        trace.Enqueue($"{name} enters {context.Method}");
        var response = await continuation(request, context);
        trace.Enqueue($"{name} leaves");
        return response;
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        trace.Enqueue($"{name} enters {context.Method}");
        await continuation(requestStream, responseStream, context);
        trace.Enqueue($"{name} leaves");
    }
}
