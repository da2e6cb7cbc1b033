using Grpc.Core;
using KvCluster.Gateway.Routing;
using KvCluster.V1;

namespace KvCluster.Gateway.Grpc;

/// <summary>Membership messages to and from grain types.</summary>
internal static class WorkerMessages
{
    /// <exception cref="RpcException">INVALID_ARGUMENT that names the field.</exception>
    public static WorkerInfo Read(WorkerDescription? worker)
    {
        Require(worker is not null, "worker: is missing");
        Require(worker!.WorkerId.Length > 0, "worker.worker_id: is empty");
        Require(worker.Role is V1.WorkerRole.Prefill or V1.WorkerRole.Decode or V1.WorkerRole.Kvstore, "worker.role: is not known");
        Require(
            Uri.TryCreate(worker.Address, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" or "unix",
            $"worker.address: '{worker.Address}' is not http://host:port or unix:///path");
        Require(worker.Role == V1.WorkerRole.Kvstore || worker.Model.Length > 0, "worker.model: is empty");
        return new WorkerInfo
        {
            WorkerId = worker.WorkerId,
            Role = (PoolRole)worker.Role,
            Address = worker.Address,
            Model = worker.Model,
            Identity = new KvIdentity(worker.ModelFingerprint, worker.CodecFingerprint),
            KvSpec = worker.KvSpec,
            MaxContextTokens = worker.MaxContextTokens,
            MaxSequences = worker.MaxSequences,
        };
    }

    public static LoadReport Read(WorkerLoad? load) => load is null ? LoadReport.Idle : new LoadReport
    {
        QueuedTokens = load.QueuedTokens,
        RunningSequences = load.RunningSequences,
        WaitingSequences = load.WaitingSequences,
        KvBytes = load.KvBytes,
        KvByteBudget = load.KvByteBudget,
    };

    public static WorkerStatus ToMessage(WorkerState state) => new()
    {
        Worker = new WorkerDescription
        {
            WorkerId = state.Worker.WorkerId,
            Role = (V1.WorkerRole)state.Worker.Role,
            Address = state.Worker.Address,
            Model = state.Worker.Model,
            ModelFingerprint = state.Worker.Identity.ModelFingerprint,
            CodecFingerprint = state.Worker.Identity.CodecFingerprint,
            KvSpec = state.Worker.KvSpec,
            MaxContextTokens = state.Worker.MaxContextTokens,
            MaxSequences = state.Worker.MaxSequences,
        },
        Load = new WorkerLoad
        {
            QueuedTokens = state.Load.QueuedTokens,
            RunningSequences = state.Load.RunningSequences,
            WaitingSequences = state.Load.WaitingSequences,
            KvBytes = state.Load.KvBytes,
            KvByteBudget = state.Load.KvByteBudget,
        },
        Epoch = state.Epoch,
        Draining = state.IsDraining,
        HeartbeatAgeMs = (long)state.HeartbeatAge.TotalMilliseconds,
    };

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, message));
        }
    }
}
