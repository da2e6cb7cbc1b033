using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>Starts calls on a channel.</summary>
internal sealed class HttpCallInvoker(GrpcChannel channel) : CallInvoker
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        using var call = AsyncUnaryCall(method, host, options, request);
        return call.ResponseAsync.GetAwaiter().GetResult();
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        return new AsyncUnaryCall<TResponse>(
            call.RunSingleAsync(call.StartSingle(request)),
            static state => ((ClientCall)state).HeadersAsync,
            static state => ((ClientCall)state).FinalStatus,
            static state => ((ClientCall)state).FinalTrailers,
            static state => ((ClientCall)state).Dispose(),
            call);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        return new AsyncServerStreamingCall<TResponse>(
            call.RunStream(call.StartSingle(request)),
            static state => ((ClientCall)state).HeadersAsync,
            static state => ((ClientCall)state).FinalStatus,
            static state => ((ClientCall)state).FinalTrailers,
            static state => ((ClientCall)state).Dispose(),
            call);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        var requests = call.StartStream();
        return new AsyncClientStreamingCall<TRequest, TResponse>(
            requests,
            call.RunSingleAsync(requests.Content),
            static state => ((ClientCall)state).HeadersAsync,
            static state => ((ClientCall)state).FinalStatus,
            static state => ((ClientCall)state).FinalTrailers,
            static state => ((ClientCall)state).Dispose(),
            call);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        var requests = call.StartStream();
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            requests,
            call.RunStream(requests.Content),
            static state => ((ClientCall)state).HeadersAsync,
            static state => ((ClientCall)state).FinalStatus,
            static state => ((ClientCall)state).FinalTrailers,
            static state => ((ClientCall)state).Dispose(),
            call);
    }
}
