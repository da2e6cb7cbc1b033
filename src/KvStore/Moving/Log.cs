using Grpc.Core;

namespace KvCluster.KvStore.Moving;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Handed {BlockCount} blocks over to other shards; they had {KnownCount} more already")]
    public static partial void HandedOver(ILogger logger, int blockCount, int knownCount);

    [LoggerMessage(2, LogLevel.Warning, "Shard {Address} did not take {BlockCount} blocks; those that are nowhere else will be computed again: {Status} {Detail}")]
    public static partial void NotTaken(ILogger logger, string address, int blockCount, StatusCode status, string detail);

    [LoggerMessage(3, LogLevel.Warning, "The time to stop was over before all blocks were handed over; those that are nowhere else will be computed again")]
    public static partial void CutShort(ILogger logger);

    [LoggerMessage(4, LogLevel.Information, "Copied {BlockCount} blocks to shard {Address}, which joined; it had {KnownCount} more already")]
    public static partial void CopiedToJoined(ILogger logger, int blockCount, string address, int knownCount);

    [LoggerMessage(5, LogLevel.Error, "{BlockCount} blocks could not be copied to shard {Address}; others go on")]
    public static partial void CopyFailed(ILogger logger, string address, int blockCount, Exception error);
}
