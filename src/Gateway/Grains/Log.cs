namespace KvCluster.Gateway.Grains;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Lookup at KvStore shard {Address} failed, going on as if nothing were cached: {Status}")]
    public static partial void LookupFailed(ILogger logger, string address, string status);

    [LoggerMessage(2, LogLevel.Warning, "Lease {LeaseId} was not renewed; its blocks may be evicted and then computed again: {Status}")]
    public static partial void LeaseNotRenewed(ILogger logger, string leaseId, string status);

    [LoggerMessage(3, LogLevel.Warning, "Lease {LeaseId} was not released and will expire by itself: {Status}")]
    public static partial void LeaseNotReleased(ILogger logger, string leaseId, string status);

    [LoggerMessage(4, LogLevel.Warning, "Request {RequestId}: prefill worker {WorkerId} failed: {Reason}")]
    public static partial void PrefillFailed(ILogger logger, string requestId, string workerId, string reason);

    [LoggerMessage(5, LogLevel.Warning, "Request {RequestId}: decode worker {WorkerId} failed: {Reason}")]
    public static partial void DecodeFailed(ILogger logger, string requestId, string workerId, string reason);

    [LoggerMessage(6, LogLevel.Debug, "Request {RequestId}: nothing more is sent to decode worker {WorkerId}: {Reason}")]
    public static partial void CommandNotSent(ILogger logger, string requestId, string workerId, string reason);

    [LoggerMessage(7, LogLevel.Information, "Request {RequestId}: decode worker {WorkerId} takes over at {TokenCount} tokens")]
    public static partial void TakenOver(ILogger logger, string requestId, string workerId, int tokenCount);

    [LoggerMessage(8, LogLevel.Error, "Request {RequestId} failed in the Gateway")]
    public static partial void RequestBroke(ILogger logger, Exception exception, string requestId);
}
