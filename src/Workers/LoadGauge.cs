using KvCluster.Inference.Engine;

namespace KvCluster.Workers;

/// <summary>How much a worker has to do: its admission, and the prompt tokens that wait or are in work.</summary>
internal sealed class LoadGauge(KvAdmission admission)
{
    private long _queuedTokenCount;

    public int RunningSequenceCount => admission.AdmittedCount;

    public int WaitingSequenceCount => admission.WaitingCount;

    public long KvBytes => admission.Reserved.Bytes;

    public long KvByteBudget => admission.Budget.Bytes;

    /// <summary>Prompt tokens accepted and not computed yet.</summary>
    public long QueuedTokenCount => Interlocked.Read(ref _queuedTokenCount);

    public void AddQueuedTokens(int tokenCount) => Interlocked.Add(ref _queuedTokenCount, tokenCount);
}
