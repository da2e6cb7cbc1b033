using KvCluster.ServiceDefaults.Membership;
using KvCluster.V1;

namespace KvCluster.Workers;

/// <summary>A worker's load, as it is told to the Gateway.</summary>
internal sealed class ReportedLoad(LoadGauge load) : IWorkerLoadSource
{
    public WorkerLoad CurrentLoad() => new()
    {
        QueuedTokens = load.QueuedTokenCount,
        RunningSequences = load.RunningSequenceCount,
        WaitingSequences = load.WaitingSequenceCount,
        KvBytes = load.KvBytes,
        KvByteBudget = load.KvByteBudget,
    };
}
