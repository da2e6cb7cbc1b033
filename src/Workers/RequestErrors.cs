using Grpc.Core;
using KvCluster.Inference.Engine;

namespace KvCluster.Workers;

/// <summary>What workers answer to requests that they can't serve.</summary>
internal static class RequestErrors
{
    public static RpcException Invalid(string field, string problem) =>
        new(new Status(StatusCode.InvalidArgument, $"{field}: {problem}"));

    public static RpcException Mismatch(string field, ulong given, ulong served) => new(new Status(
        StatusCode.FailedPrecondition,
        $"{field}: this worker serves {served:x16}, not {given:x16}; the Gateway and its workers must use the same model and kv spec"));

    public static RpcException NeverFits(KvDemand demand, KvDemand budget) => new(new Status(
        StatusCode.ResourceExhausted,
        demand.PageCount > budget.PageCount
            ? $"The sequence needs {demand.PageCount} blocks of 64 tokens on the device, which holds {budget.PageCount}; ask for fewer max_tokens, or use a device with more free memory"
            : $"The sequence needs {demand.Bytes} bytes of KV, over this worker's whole budget of {budget.Bytes}; ask for fewer max_tokens or raise KvBudgetBytes"));

    public static RpcException QueueFull(int waitingCount) => new(new Status(
        StatusCode.ResourceExhausted, $"{waitingCount} sequences wait at this worker already; try later or add workers"));

    public static RpcException Draining() => new(new Status(StatusCode.Unavailable, "This worker is shutting down"));

    public static RpcException NotRegistered() => new(new Status(
        StatusCode.Unavailable, "This worker has not registered with the Gateway yet, so it knows no KvStore"));

    public static RpcException Failed(SequenceFailedException error) => new(new Status(
        error.Kind switch
        {
            SequenceFailureKind.OutOfDeviceMemory => StatusCode.ResourceExhausted,
            SequenceFailureKind.WorkerGone => StatusCode.Unavailable,
            _ => StatusCode.Internal,
        },
        error.Message,
        error));

    /// <summary>The worker ends because of something that it can't do without.</summary>
    public static RpcException Gone() => new(new Status(StatusCode.Unavailable, "This worker has lost what it computes on and ends"));
}
