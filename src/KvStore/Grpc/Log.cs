using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Grpc;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "A slab from {WorkerId} was refused: layer {Layer} of block {BlockId}: {Reason}")]
    public static partial void SlabRefused(ILogger logger, string workerId, BlockId blockId, int layer, string reason);

    [LoggerMessage(2, LogLevel.Error, "A stored slab went bad and its block was dropped: layer {Layer} of block {BlockId}, {Error}, found by request {RequestId}")]
    public static partial void StoredSlabCorrupt(ILogger logger, BlockId blockId, int layer, SlabError error, string requestId);

    [LoggerMessage(3, LogLevel.Warning, "{WorkerId} left blocks incomplete and was silent for {Timeout}; its Put is ended")]
    public static partial void PutTimedOut(ILogger logger, string workerId, TimeSpan timeout);

    [LoggerMessage(5, LogLevel.Warning, "Block {BlockId}, wanted by request {RequestId}, could not be read from a lower tier and was dropped there")]
    public static partial void StoredBlockLost(ILogger logger, BlockId blockId, string requestId);

    [LoggerMessage(4, LogLevel.Information, "Dropped {DroppedCount} of {AskedCount} blocks: {Reason}")]
    public static partial void Dropped(ILogger logger, int droppedCount, int askedCount, string reason);
}
