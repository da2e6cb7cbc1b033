using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Cold;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "Block {BlockId} could not be brought up from below; reads of it go on without")]
    public static partial void FetchFailed(ILogger logger, BlockId blockId, Exception error);
}
