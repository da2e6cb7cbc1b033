using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.Workers;

internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Warning, "{RequestId}: layer {Layer} of block {BlockId} from {Address} was refused: {Reason}")]
    public static partial void SlabRefused(this ILogger log, string requestId, BlockId blockId, int layer, string address, string reason);

    [LoggerMessage(101, LogLevel.Warning, "{RequestId}: reading blocks from {Address} failed, what is nowhere else is computed: {Status} {Detail}")]
    public static partial void ReadFailed(this ILogger log, string requestId, string address, StatusCode status, string detail);

    [LoggerMessage(102, LogLevel.Error, "A step of {SequenceCount} sequences failed; they end with INTERNAL.")]
    public static partial void StepFailed(this ILogger log, Exception error, int sequenceCount);

    [LoggerMessage(104, LogLevel.Warning, "A step of {SequenceCount} sequences found too little device memory; they end with RESOURCE_EXHAUSTED and may try again: {Reason}")]
    public static partial void StepOutOfMemory(this ILogger log, int sequenceCount, string reason);

    [LoggerMessage(105, LogLevel.Information, "{Engine}: the device holds {TokenCount} tokens of KV; sequences that need more than is free wait.")]
    public static partial void DeviceHolds(this ILogger log, string engine, long tokenCount);

    [LoggerMessage(103, LogLevel.Information, "{Engine}: no GPU kernel reads '{Spec}'; its blocks travel encoded and are on the device in 16 bits, as what they decode to.")]
    public static partial void AttendsDecoded(this ILogger log, string engine, string spec);
}
