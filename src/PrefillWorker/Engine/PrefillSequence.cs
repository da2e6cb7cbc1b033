using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>
/// One prompt in the engine. From <see cref="EngineLoop{TSequence}.Submit"/> until <see cref="Released"/> the cache is the engine's alone.
/// </summary>
internal sealed class PrefillSequence(
    string requestId, Generation generation, SequenceCache cache, PrefillOutbox outbox, QueuedTokens queued, bool sendsTail) : IEngineSequence
{
    private readonly TaskCompletionSource<PrefillSample> _sampled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isCancelled;

    public string RequestId => requestId;

    public Generation Generation => generation;

    public SequenceCache Cache => cache;

    public PrefillOutbox Outbox => outbox;

    public bool SendsTail => sendsTail;

    public int PendingTokenCount => generation.TokenCount - cache.TokenCount;

    public int CachedTokenCount { get; } = cache.TokenCount;

    /// <summary>Timestamp of its first step; 0 before.</summary>
    public long StartedAt { get; set; }

    /// <summary>Set from any thread; the engine lets go of the Sequence before its next step.</summary>
    public bool IsCancelled => _isCancelled;

    /// <summary>The first token; faulted with a <see cref="SequenceFailedException"/>, or cancelled.</summary>
    public Task<PrefillSample> Sampled => _sampled.Task;

    /// <summary>The engine has let go: the KV is free, or abandoned, and the outbox closed.</summary>
    public Task Released => _released.Task;

    /// <summary>Brings the worker's load up to date.</summary>
    public void CountQueued() => queued.Set(PendingTokenCount);

    public void Cancel() => _isCancelled = true;

    public void SetSample(PrefillSample sample) => _sampled.TrySetResult(sample);

    /// <summary>Engine thread only. Frees the KV; what is in the outbox is still sent.</summary>
    public void Release(SequenceFailedException? failure = null)
    {
        cache.Dispose();
        outbox.Close();
        if (failure is not null)
        {
            _sampled.TrySetException(failure);
        }
        else
        {
            _sampled.TrySetCanceled();
        }

        _released.TrySetResult();
    }

    public void Abandon(SequenceFailedException failure)
    {
        outbox.Close();
        _sampled.TrySetException(failure);
        _released.TrySetResult();
    }
}
