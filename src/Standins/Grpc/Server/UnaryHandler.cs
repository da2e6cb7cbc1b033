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
