namespace KvCluster.Workers;

/// <summary>The prompt tokens that one Sequence still has to compute, as they count in the worker's load.</summary>
internal sealed class QueuedTokens(LoadGauge load) : IDisposable
{
    private int _tokenCount;

    public void Set(int tokenCount) => load.AddQueuedTokens(tokenCount - Interlocked.Exchange(ref _tokenCount, tokenCount));

    public void Dispose() => Set(0);
}
