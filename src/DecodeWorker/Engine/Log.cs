using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.DecodeWorker.Engine;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Block {BlockId} filled here but the KvStore did not take it: {Status} {Detail}")]
    public static partial void BlockNotWritten(this ILogger log, BlockId blockId, StatusCode status, string detail);
}
