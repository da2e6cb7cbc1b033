using System.Threading.Channels;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Engine;

/// <summary>
/// One Sequence in the engine. From <see cref="EngineLoop{TSequence}.Submit"/> until <see cref="Released"/> the cache is the engine's
/// alone. A reader that falls behind by <paramref name="bufferLimit"/> tokens pauses its own Sequence and no other.
/// </summary>
/// <param name="requestId">Whose request.</param>
/// <param name="generation">Prompt, tokens so far, and the rules by which it goes on.</param>
/// <param name="cache">What was taken in of its KV.</param>
/// <param name="queued">Told what is left of the prompt.</param>
/// <param name="givenTokenCount">Tokens whose KV must be there before it counts as ready.</param>
/// <param name="bufferLimit">Outputs that may wait for the reader.</param>
internal sealed class DecodeSequence(
    string requestId, Generation generation, SequenceCache cache, QueuedTokens queued, int givenTokenCount, int bufferLimit) : IEngineSequence
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // A step adds at most a ready and a token, and comes only while there is room below the limit.
    private readonly Channel<DecodeOutput> _outputs = Channel.CreateBounded<DecodeOutput>(
        new BoundedChannelOptions(bufferLimit + 2) { SingleReader = true, SingleWriter = true });

    private volatile bool _isCancelled;
    private bool _isReady;

    public string RequestId => requestId;

    /// <summary>Its place in the order of arrival; set by the engine.</summary>
    public long Arrival { get; set; }

    public Generation Generation => generation;

    public SequenceCache Cache => cache;

    public int PendingTokenCount => generation.TokenCount - cache.TokenCount;

    public bool IsPaused => _outputs.Reader.Count >= bufferLimit;

    /// <summary>Set from any thread; the engine lets go of the Sequence before its next step.</summary>
    public bool IsCancelled => _isCancelled;

    /// <summary>What the engine has to say; faulted with a <see cref="SequenceFailedException"/> when it can't go on.</summary>
    public ChannelReader<DecodeOutput> Outputs => _outputs.Reader;

    /// <summary>The engine has let go and the KV is free, or abandoned.</summary>
    public Task Released => _released.Task;

    public void Cancel() => _isCancelled = true;

    public void Emit(in DecodeOutput output) => _outputs.Writer.TryWrite(output);

    /// <summary>Says that the KV of all given tokens is there, once it is.</summary>
    public void EmitReadyOnce()
    {
        if (_isReady)
        {
            return;
        }

        queued.Set(Math.Max(0, givenTokenCount - cache.TokenCount));
        if (cache.TokenCount >= givenTokenCount)
        {
            _isReady = true;
            Emit(DecodeOutput.Ready);
        }
    }

    /// <summary>Engine thread only, or before Submit. Frees the KV; outputs can still be read.</summary>
    public void Release(SequenceFailedException? failure = null)
    {
        cache.Dispose();
        _outputs.Writer.TryComplete(failure);
        _released.TrySetResult();
    }

    public void Abandon(SequenceFailedException failure)
    {
        _outputs.Writer.TryComplete(failure);
        _released.TrySetResult();
    }
}
