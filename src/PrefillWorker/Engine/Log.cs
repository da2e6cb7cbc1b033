using Grpc.Core;

namespace KvCluster.PrefillWorker.Engine;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "A step of {SequenceCount} sequences failed; they end with INTERNAL.")]
    public static partial void StepFailed(this ILogger log, Exception error, int sequenceCount);

    [LoggerMessage(2, LogLevel.Warning, "{RequestId}: the KvStore did not take the slabs: {Status} {Detail}")]
    public static partial void SlabsNotStored(this ILogger log, string requestId, StatusCode status, string detail);
}
