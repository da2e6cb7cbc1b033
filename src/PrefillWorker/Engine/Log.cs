using Grpc.Core;

namespace KvCluster.PrefillWorker.Engine;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "{RequestId}: the KvStore did not take the slabs: {Status} {Detail}")]
    public static partial void SlabsNotStored(this ILogger log, string requestId, StatusCode status, string detail);

    [LoggerMessage(2, LogLevel.Information, "{RequestId}: {Address} did not take the slabs directly and reads them from the KvStore: {Status} {Detail}")]
    public static partial void NotHandedOver(this ILogger log, string requestId, string address, StatusCode status, string detail);
}
