namespace KvCluster.Gateway.Routing;

/// <summary>A worker as a policy sees it: its last report, corrected by what was placed and finished since.</summary>
internal readonly record struct WorkerCandidate(
    string WorkerId, long QueuedTokens, int SequenceCount, int MaxSequences, long KvBytes, long KvByteBudget)
{
    /// <summary>Whether it can start one more Sequence now.</summary>
    public bool HasRoom => (MaxSequences <= 0 || SequenceCount < MaxSequences) && (KvByteBudget <= 0 || KvBytes < KvByteBudget);
}
