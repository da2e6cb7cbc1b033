using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

internal sealed class UnaryHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    ServiceSettings settings,
    ILogger logger,
    UnaryServerMethod<TRequest, TResponse> invoke)
    : MethodHandler<TRequest, TResponse>(method, settings, logger)
    where TRequest : class
    where TResponse : class
{
    protected override async Task InvokeAsync(ServerCall call, RequestReader<TRequest> requests)
    {
        var request = await requests.ReadSingleAsync();
        await RespondAsync(call, await invoke(request, call)).ConfigureAwait(false);
    }
}

internal sealed class ClientStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    ServiceSettings settings,
    ILogger logger,
    ClientStreamingServerMethod<TRequest, TResponse> invoke)
    : MethodHandler<TRequest, TResponse>(method, settings, logger)
    where TRequest : class
    where TResponse : class
{
    protected override async Task InvokeAsync(ServerCall call, RequestReader<TRequest> requests) =>
        await RespondAsync(call, await invoke(requests, call)).ConfigureAwait(false);
}

internal sealed class ServerStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    ServiceSettings settings,
    ILogger logger,
    ServerStreamingServerMethod<TRequest, TResponse> invoke)
    : MethodHandler<TRequest, TResponse>(method, settings, logger)
    where TRequest : class
    where TResponse : class
{
    protected override async Task InvokeAsync(ServerCall call, RequestReader<TRequest> requests)
    {
        var request = await requests.ReadSingleAsync();
        await invoke(request, Responses(call), call);
    }
}

internal sealed class DuplexStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    ServiceSettings settings,
    ILogger logger,
    DuplexStreamingServerMethod<TRequest, TResponse> invoke)
    : MethodHandler<TRequest, TResponse>(method, settings, logger)
    where TRequest : class
    where TResponse : class
{
    protected override Task InvokeAsync(ServerCall call, RequestReader<TRequest> requests) =>
        invoke(requests, Responses(call), call);
}
