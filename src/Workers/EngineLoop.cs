using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.Workers;

/// <summary>
/// The loop of an engine, on a thread of its own: schedule, run, commit. Sequences join and leave between steps. What a step
/// grants, and what becomes of its result, is the worker's.
/// </summary>
internal abstract class EngineLoop<TSequence> : IDisposable
    where TSequence : class, IEngineSequence
{
    private static readonly SequenceFailedException Stopped = SequenceFailedException.Gone("The worker was stopped.");

    private readonly ILogger _log;
    private readonly HostFault _fault;
    private readonly EngineThread _thread;
    private readonly List<TSequence> _inbox = [];
    private readonly List<TSequence> _sequences = [];
    private readonly StepBatch _batch = new();
    private int[] _grants = new int[16];
    private SequenceFailedException? _end;
    private readonly StepWatch? _watch;
    private DeviceLostException? _lost;

    protected EngineLoop(string name, IModelRunner runner, TimeProvider time, ILogger log, HostFault fault)
    {
        Runner = runner;
        Time = time;
        _log = log;
        _fault = fault;
        _thread = new EngineThread(name, Step);
        _watch = runner.StepLimit is { } limit ? new StepWatch(limit, time, () => Abandon(limit)) : null;
        if (runner.AttendsDecoded)
        {
            log.AttendsDecoded(name, runner.Codec.Spec);
        }

        if (runner.Pages is { } pages)
        {
            log.DeviceHolds(name, pages.TokenCount);
        }
    }

    protected IModelRunner Runner { get; }

    protected TimeProvider Time { get; }

    /// <summary>A step hangs, or came back too late: the thread touches no Sequence any more.</summary>
    private bool IsAbandoned => _watch is { HasHung: true };

    /// <summary>Hands a Sequence to the engine; at least one of its tokens has no KV yet.</summary>
    public void Submit(TSequence sequence)
    {
        lock (_inbox)
        {
            if (_end is not null)
            {
                sequence.Release(_end);
                return;
            }

            Join(sequence);
            _inbox.Add(sequence);
        }

        _thread.Wake();
    }

    public void Cancel(TSequence sequence)
    {
        sequence.Cancel();
        _thread.Wake();
    }

    /// <summary>Who sat out may go on: an outbox has room again, or a reader has caught up.</summary>
    public void Wake() => _thread.Wake();

    public void Dispose()
    {
        // Watched to its end: a step that hangs now must not hold up the host either.
        _thread.Dispose();
        _watch?.Dispose();
        if (!IsAbandoned)
        {
            End(Stopped);
        }
    }

    /// <summary>Begins to step; the last line of a derived constructor.</summary>
    protected void Start() => _thread.Start();

    /// <summary>A Sequence arrives; called in order of arrival, under the inbox's lock.</summary>
    protected virtual void Join(TSequence sequence)
    {
    }

    /// <summary>Sets the tokens that each Sequence computes in this step.</summary>
    /// <returns>Tokens granted in all; 0 when nobody can go on.</returns>
    protected abstract int Plan(List<TSequence> sequences, Span<int> grants);

    /// <summary>A Sequence takes part in the step that begins; who hears of the Blocks that it fills.</summary>
    protected abstract ISlabSink? Begin(TSequence sequence);

    /// <summary>Takes in an entry's result; true when the Sequence is done, well or not.</summary>
    protected abstract bool Commit(TSequence sequence, SequenceFailedException? failure, StepToken token);

    /// <summary>Samples the next token of a Sequence and sends it on; the failure, if that can't be done.</summary>
    protected abstract SequenceFailedException? Emit(TSequence sequence, StepToken token);

    /// <summary>A step has ended.</summary>
    protected abstract void Record(TimeSpan elapsed, int sequenceCount, int tokenCount);

    /// <summary>A fault in one Sequence's sampling must not end the thread that serves them all.</summary>
    protected SequenceFailedException? TryEmit(TSequence sequence, StepToken token)
    {
        try
        {
            return Emit(sequence, token);
        }
        catch (Exception error)
        {
            return Failed(error, 1);
        }
    }

    private bool Step()
    {
        if (IsAbandoned)
        {
            return false;
        }

        Admit();
        if (!Schedule())
        {
            return false;
        }

        var startedAt = Time.GetTimestamp();
        var failure = Run();
        if (IsAbandoned)
        {
            return false;
        }

        Commit(failure);
        if (_lost is not null)
        {
            _fault.Raise(_lost.Message);
            End(SequenceFailedException.Of(_lost));
            return false;
        }

        Record(Time.GetElapsedTime(startedAt), _batch.EntryCount, _batch.TokenCount);
        return true;
    }

    /// <summary>Lets go of all Sequences, and of those still to come. After the loop, or in it.</summary>
    private void End(SequenceFailedException end)
    {
        lock (_inbox)
        {
            _end ??= end;
            _sequences.AddRange(_inbox);
            _inbox.Clear();
        }

        _sequences.ForEach(sequence => sequence.Release(end));
        _sequences.Clear();
    }

    /// <summary>What an error in the loop means to the Sequences concerned.</summary>
    private SequenceFailedException Failed(Exception error, int sequenceCount)
    {
        _lost ??= DeviceLostException.Of(error);
        var failure = SequenceFailedException.Of(error);
        if (failure.Kind == SequenceFailureKind.OutOfDeviceMemory)
        {
            _log.StepOutOfMemory(sequenceCount, error.Message);
        }
        else if (failure.Kind == SequenceFailureKind.Fault)
        {
            _log.StepFailed(error, sequenceCount);
        }

        return failure;
    }

    private void Admit()
    {
        lock (_inbox)
        {
            _sequences.AddRange(_inbox);
            _inbox.Clear();
        }

        for (var i = _sequences.Count - 1; i >= 0; i--)
        {
            if (_sequences[i].IsCancelled)
            {
                _sequences[i].Release();
                _sequences.RemoveAt(i);
            }
        }
    }

    private bool Schedule()
    {
        if (_grants.Length < _sequences.Count)
        {
            Array.Resize(ref _grants, 2 * _sequences.Count);
        }

        return Plan(_sequences, _grants.AsSpan(0, _sequences.Count)) > 0;
    }

    private SequenceFailedException? Run()
    {
        _batch.Clear();
        try
        {
            for (var i = 0; i < _sequences.Count; i++)
            {
                if (_grants[i] > 0)
                {
                    var sequence = _sequences[i];
                    var tokens = sequence.Generation.TokenIds.Slice(sequence.Cache.TokenCount, _grants[i]);
                    bool isLast = _grants[i] == sequence.PendingTokenCount;
                    _batch.Add(sequence.Cache, tokens, isLast, Begin(sequence), isLast ? sequence.Generation.Draw : null);
                }
            }

            _watch?.Begin();
            Runner.Forward(_batch);
            return null;
        }
        catch (Exception error)
        {
            return Failed(error, _batch.EntryCount);
        }
        finally
        {
            _watch?.End();
        }
    }

    /// <summary>The device hangs, and the thread may never come back: calls end, and what they hold stays with the step until the process ends.</summary>
    private void Abandon(TimeSpan limit)
    {
        var lost = new DeviceLostException($"The GPU hangs: a step has not ended within {limit.TotalSeconds:0.###} s.");
        var end = SequenceFailedException.Of(lost);
        _thread.Abandon();
        Runner.Abandon();
        _fault.Raise(lost.Message);
        lock (_inbox)
        {
            _end ??= end;
            _sequences.AddRange(_inbox);
            _inbox.Clear();
        }

        _sequences.ForEach(sequence => sequence.Abandon(end));
    }

    private void Commit(SequenceFailedException? failure)
    {
        var entry = 0;
        var kept = 0;
        for (var i = 0; i < _sequences.Count; i++)
        {
            var sequence = _sequences[i];
            if (_grants[i] == 0 || !Commit(sequence, entry++, failure))
            {
                _sequences[kept++] = sequence;
            }
        }

        _sequences.RemoveRange(kept, _sequences.Count - kept);
    }

    private bool Commit(TSequence sequence, int entry, SequenceFailedException? failure)
    {
        failure ??= _batch.Failure(entry) != StepFailure.None ? SequenceFailedException.Of(_batch, entry) : null;
        return Commit(sequence, failure, failure is null && sequence.PendingTokenCount == 0 ? Token(entry) : new StepToken(-1, default));
    }

    private StepToken Token(int entry) => _batch.DrawnToken(entry) is >= 0 and var drawn ? new StepToken(drawn, default) : new StepToken(-1, _batch.Logits(entry));
}
