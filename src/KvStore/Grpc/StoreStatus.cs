using Grpc.Core;

namespace KvCluster.KvStore.Grpc;

/// <summary>The statuses with which the store alone refuses; those of slabs are in <see cref="Protocol.Transfer.CallStatus"/>.</summary>
internal static class StoreStatus
{
    public static readonly Status NotRegistered = new(
        StatusCode.Unavailable, "this shard has not registered with its Gateway (KvStore:GatewayAddress), so it can't tell current writers from old ones");

    public static readonly Status NothingBelow = new(
        StatusCode.FailedPrecondition,
        "this shard keeps blocks in memory only: there is nothing to drain them to; set KvStore:DataFolder or KvStore:RedisConnection");

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
