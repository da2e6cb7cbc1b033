namespace KvCluster.Gateway.OpenAi;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Debug, "Request {TraceId} to {Path}: the client has gone")]
    public static partial void ClientGone(ILogger logger, string traceId, PathString path);

    [LoggerMessage(2, LogLevel.Error, "Request {TraceId} to {Path} failed")]
    public static partial void RequestBroke(ILogger logger, Exception exception, string traceId, PathString path);

    [LoggerMessage(3, LogLevel.Warning, "Request {TraceId} failed after its answer had begun: {Reason}")]
    public static partial void StreamBroke(ILogger logger, string traceId, string reason);
}
