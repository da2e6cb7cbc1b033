using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "{Method} failed with an unhandled exception.")]
    public static partial void HandlerFailed(this ILogger logger, string method, Exception error);

    [LoggerMessage(2, LogLevel.Information, "{Method} was cancelled.")]
    public static partial void CallCancelled(this ILogger logger, string method, Exception error);

    [LoggerMessage(3, LogLevel.Information, "{Method} ended with {Code}: {Detail}")]
    public static partial void CallRefused(this ILogger logger, string method, Core.StatusCode code, string detail);

    [LoggerMessage(4, LogLevel.Debug, "{Method} passed its deadline after {TimeoutMs} ms.")]
    public static partial void DeadlinePassed(this ILogger logger, string method, double timeoutMs);

    [LoggerMessage(5, LogLevel.Warning, "{Method} could not send its status.")]
    public static partial void StatusNotSent(this ILogger logger, string method, Exception error);
}
