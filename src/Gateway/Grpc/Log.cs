namespace KvCluster.Gateway.Grpc;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Worker {WorkerId} ({Pool}) at {Address} has joined with epoch {Epoch}")]
    public static partial void WorkerJoined(ILogger logger, string workerId, string pool, string address, ulong epoch);
}
