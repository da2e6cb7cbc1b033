using KvCluster.Gateway.Admission;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Gives every failed HTTP request OpenAI's error body; nothing of the server's insides gets out.</summary>
internal sealed class ErrorMiddleware(RequestDelegate next, GatewayOptions options, ILogger<ErrorMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true)
        {
            await next(context);
            return;
        }

        try
        {
            await next(context);
            if (!context.Response.HasStarted && context.Response is { StatusCode: >= 400, ContentLength: null, ContentType: null })
            {
                await WriteAsync(context, ApiErrors.OfStatus(context.Response.StatusCode, context.Request));
            }
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            Log.ClientGone(logger, context.TraceIdentifier, context.Request.Path);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            await WriteAsync(context, Classify(context, e));
        }
    }

    private ApiException Classify(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case ApiException api:
                return api;
            case RequestFailedException failed:
                return ApiErrors.ToApiException(failed.Error, field => field);
            case BadHttpRequestException bad:
                return ApiErrors.OfStatus(bad.StatusCode, context.Request);
            default:
                Log.RequestBroke(logger, exception, context.TraceIdentifier, context.Request.Path);
                return ApiErrors.Internal();
        }
    }

    private Task WriteAsync(HttpContext context, ApiException exception)
    {
        string? allow = context.Response.Headers.Allow;
        context.Response.Clear();
        context.Response.StatusCode = exception.Status;
        context.Response.Headers.Allow = allow;
        context.Response.Headers["x-request-id"] = context.TraceIdentifier;
        if (exception.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            context.Response.Headers.RetryAfter = options.RetryAfterSeconds.ToString();
        }

        if (exception.Status is StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }

        return context.Response.WriteAsJsonAsync(
            new ErrorBody(exception.Error), OpenAiJson.Default.ErrorBody, cancellationToken: context.RequestAborted);
    }
}
