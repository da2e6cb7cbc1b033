using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

/// <summary>Says where slab streams are, and fails whatever else would go over gRPC.</summary>
internal sealed class UnaryOnlyInvoker(V1.KvStore.KvStoreClient client) : CallInvoker
{
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        (AsyncUnaryCall<TResponse>)(object)client.EndpointsAsync((EndpointsRequest)(object)request, options);

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw Unexpected(method.FullName);

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw Unexpected(method.FullName);

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw Unexpected(method.FullName);

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw Unexpected(method.FullName);

    private static InvalidOperationException Unexpected(string method) => new($"{method} went over gRPC");
}
