using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Grpc;

/// <summary>The statuses with which the store refuses.</summary>
internal static class StoreStatus
{
    /// <summary>In <see cref="SlabErrorTrailer"/>: the slab was written in another epoch than its Put's.</summary>
    public const string WrongEpoch = "wrong_epoch";

    /// <summary>Trailer that names why a slab was refused, as metrics do.</summary>
    public const string SlabErrorTrailer = "kv-slab-error";

    public static readonly Status NotRegistered = new(
        StatusCode.Unavailable, "this shard has not registered with its Gateway (KvStore:GatewayAddress), so it can't tell current writers from old ones");

    public static readonly Status NothingBelow = new(
        StatusCode.FailedPrecondition,
        "this shard keeps blocks in memory only: there is nothing to drain them to; set KvStore:DataFolder or KvStore:RedisConnection");

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

    public static Status StoreFull(long budgetBytes, long usedBytes) => new(
        StatusCode.ResourceExhausted,
        $"the memory budget of {budgetBytes} bytes is full: {usedBytes} are in blocks that are pending, leased or read; try later, or raise KvStore:MemoryBudgetBytes");

    public static Status PutTimedOut(TimeSpan timeout) => new(
        StatusCode.DeadlineExceeded, $"no slab came for {timeout.TotalSeconds} s while blocks were incomplete (KvStore:PutTimeout)");

    public static Status PinsFull(double share) => new(
        StatusCode.ResourceExhausted, $"pinned blocks would take more than {share:P0} of the memory budget (KvStore:MaxPinnedShare); unpin others first");

    public static Status LeaseUnknown(string leaseId) => new(
        StatusCode.NotFound, $"lease {leaseId} is not known: it was released or has expired; look the blocks up again");
}
