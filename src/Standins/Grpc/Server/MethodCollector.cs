using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

/// <summary>Turns bound methods into request delegates, with the interceptors of the service around each.</summary>
internal sealed class MethodCollector(ServiceSettings settings, ILogger logger) : ServiceBinderBase
{
    public List<(IMethod Method, RequestDelegate Handle)> Methods { get; } = [];

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        var invoke = Required(handler, method);
        foreach (var registration in settings.Interceptors.Reverse())
        {
            var inner = invoke;
            invoke = async (request, context) =>
            {
                await using var interceptor = registration.Create(context);
                return await interceptor.Instance.UnaryServerHandler(request, context, inner);
            };
        }

        Methods.Add((method, new UnaryHandler<TRequest, TResponse>(method, settings, logger, invoke).HandleAsync));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var invoke = Required(handler, method);
        foreach (var registration in settings.Interceptors.Reverse())
        {
            var inner = invoke;
            invoke = async (requests, context) =>
            {
                await using var interceptor = registration.Create(context);
                return await interceptor.Instance.ClientStreamingServerHandler(requests, context, inner);
            };
        }

        Methods.Add((method, new ClientStreamingHandler<TRequest, TResponse>(method, settings, logger, invoke).HandleAsync));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var invoke = Required(handler, method);
        foreach (var registration in settings.Interceptors.Reverse())
        {
            var inner = invoke;
            invoke = async (request, responses, context) =>
            {
                await using var interceptor = registration.Create(context);
                await interceptor.Instance.ServerStreamingServerHandler(request, responses, context, inner);
            };
        }

        Methods.Add((method, new ServerStreamingHandler<TRequest, TResponse>(method, settings, logger, invoke).HandleAsync));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var invoke = Required(handler, method);
        foreach (var registration in settings.Interceptors.Reverse())
        {
            var inner = invoke;
            invoke = async (requests, responses, context) =>
            {
                await using var interceptor = registration.Create(context);
                await interceptor.Instance.DuplexStreamingServerHandler(requests, responses, context, inner);
            };
        }

        Methods.Add((method, new DuplexStreamingHandler<TRequest, TResponse>(method, settings, logger, invoke).HandleAsync));
    }

    private static THandler Required<THandler>(THandler? handler, IMethod method)
        where THandler : Delegate => handler
            ?? throw new InvalidOperationException($"The method {method.FullName} was bound without a handler.");
}
