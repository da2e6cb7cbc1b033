using KvCluster.Compression.Blocks;

namespace KvCluster.DecodeWorker.Direct;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Layer {Layer} of block {BlockId} straight from {WorkerId} was refused: {Reason}")]
    public static partial void SlabRefused(this ILogger log, string workerId, BlockId blockId, int layer, string reason);

    [LoggerMessage(2, LogLevel.Information, "{RequestId}: the hand-over by the prefill worker was given up ({Reason}) after {SlabCount} slabs; the KvStore is read")]
    public static partial void FellBack(this ILogger log, string requestId, string reason, long slabCount);
}
