namespace KvCluster.KvStore.Hosting;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "{BlockCount} blocks that only memory held were written to the tier below before the stop")]
    public static partial void Flushed(ILogger logger, int blockCount);

    [LoggerMessage(2, LogLevel.Warning, "The time to stop was over before all blocks in memory were written to the tier below; those not written will be computed again")]
    public static partial void FlushCutShort(ILogger logger);
}
