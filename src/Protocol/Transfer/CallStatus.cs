using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Transfer;

/// <summary>The statuses with which whoever takes slabs refuses: a KvStore shard, or a decode worker that is handed a prompt.</summary>
public static class CallStatus
{
    /// <summary>In <see cref="SlabErrorTrailer"/>: the slab was written in another epoch than its Put's.</summary>
    public const string WrongEpoch = "wrong_epoch";

    /// <summary>Trailer that names why a slab was refused, as metrics do.</summary>
    public const string SlabErrorTrailer = "kv-slab-error";

    public static Status InvalidField(string field, string problem) => new(StatusCode.InvalidArgument, $"{field} {problem}");

    /// <summary>DATA_LOSS for damage, INVALID_ARGUMENT for a slab of something else, FAILED_PRECONDITION for a format not known here.</summary>
    public static Status SlabRefused(SlabError error, BlockId blockId, int layer)
    {
        StatusCode code = error switch
        {
            SlabError.UnknownVersion or SlabError.UnknownLayout => StatusCode.FailedPrecondition,
            SlabError.Truncated or SlabError.BadMagic or SlabError.HeaderChecksum or SlabError.PayloadChecksum or SlabError.MalformedPayload =>
                StatusCode.DataLoss,
            _ => StatusCode.InvalidArgument,
        };
        return new Status(code, $"slab refused ({error.MetricName()}): layer {layer} of block {blockId}: {error.Message()}");
    }

    public static Status ForeignEpoch(ulong slabEpoch, ulong putEpoch, BlockId blockId, int layer) => new(
        StatusCode.FailedPrecondition,
        $"slab refused ({WrongEpoch}): layer {layer} of block {blockId} was written in epoch {slabEpoch}, this Put is of epoch {putEpoch}");

    public static Status StaleEpoch(string workerId, ulong epoch) => new(
        StatusCode.FailedPrecondition, $"epoch {epoch} of worker {workerId} is over: a newer incarnation has written; register again");

    /// <summary>The exception that ends a Put, with the reason in its trailer.</summary>
    public static RpcException Refusal(Status status, SlabError error) =>
        new(status, new Metadata { { SlabErrorTrailer, error == SlabError.None ? WrongEpoch : error.MetricName() } });
}
