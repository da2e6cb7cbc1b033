using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

/// <summary>Serves the requests of one method.</summary>
internal abstract class MethodHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method, ServiceSettings settings, ILogger logger)
    where TRequest : class
    where TResponse : class
{
    private static readonly Status NoResponse = new(StatusCode.Cancelled, "The handler returned no message.");

    private readonly Action<TResponse, SerializationContext> _serializer = method.ResponseMarshaller.ContextualSerializer;

    public async Task HandleAsync(HttpContext context)
    {
        if (!RequestChecks.Accept(context))
        {
            return;
        }

        RequestChecks.LiftHttpLimits(context);
        var call = new ServerCall(context, method, settings, logger);
        if (!call.Start())
        {
            return;
        }

        var requests = new RequestReader<TRequest>(call, method.RequestMarshaller.ContextualDeserializer);
        Exception? error = null;
        try
        {
            await InvokeAsync(call, requests);
        }
        catch (Exception ex)
        {
            error = ex;
        }

        await call.EndAsync(error);
        requests.Release();
    }

    protected abstract Task InvokeAsync(ServerCall call, RequestReader<TRequest> requests);

    protected ResponseWriter<TResponse> Responses(ServerCall call) => new(call, _serializer);

    /// <summary>Puts the only response into the pipe; it leaves together with the trailers.</summary>
    protected async Task RespondAsync(ServerCall call, TResponse? response)
    {
        if (response is null)
        {
            throw new RpcException(NoResponse);
        }

        call.BeginWrite();
        try
        {
            await call.PutAsync(response, _serializer, call.CancellationToken);
        }
        finally
        {
            call.EndWrite();
        }
    }
}
