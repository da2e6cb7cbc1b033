using KvCluster.Inference.Backends;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Sampling;
using KvCluster.PrefillWorker.Scheduling;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>The engine loop of prefill: one thread that shares each step's token budget among the prompts in work.</summary>
internal sealed class PrefillEngine : IDisposable
{
    private static readonly SequenceFailedException Stopped = new("The worker was stopped.");

    private readonly IModelRunner _runner;
    private readonly PrefillScheduler _scheduler;
    private readonly PrefillMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly EngineThread _thread;
    private readonly List<PrefillSequence> _inbox = [];
    private readonly List<PrefillSequence> _sequences = [];
    private readonly StepBatch _batch = new();
    private readonly Sampler _sampler = new();
    private PrefillDemand[] _demands = new PrefillDemand[8];
    private int[] _grants = new int[8];
    private bool _isStopped;

    public PrefillEngine(IModelRunner runner, int stepTokens, PrefillMetrics metrics, TimeProvider time, ILogger<PrefillEngine> log)
    {
        _runner = runner;
        _scheduler = new PrefillScheduler(stepTokens);
        _metrics = metrics;
        _time = time;
        _log = log;
        _thread = new EngineThread("prefill engine", Step);
        _thread.Start();
    }

    /// <summary>Hands a Sequence with its loaded prefix to the engine.</summary>
    public void Submit(PrefillSequence sequence)
    {
        lock (_inbox)
        {
            if (_isStopped)
            {
                sequence.Release(Stopped);
                return;
            }

            _inbox.Add(sequence);
        }

        _thread.Wake();
    }

    public void Cancel(PrefillSequence sequence)
    {
        sequence.Cancel();
        _thread.Wake();
    }

    /// <summary>An outbox has room again.</summary>
    public void Wake() => _thread.Wake();

    public void Dispose()
    {
        _thread.Dispose();
        lock (_inbox)
        {
            _isStopped = true;
            _sequences.AddRange(_inbox);
            _inbox.Clear();
        }

        _sequences.ForEach(sequence => sequence.Release(Stopped));
        _sequences.Clear();
    }

    private bool Step()
    {
        Admit();
        if (!Schedule())
        {
            return false;
        }

        var startedAt = _time.GetTimestamp();
        var error = Run();
        Commit(error);
        _metrics.RecordStep(_time.GetElapsedTime(startedAt), _batch.EntryCount, _batch.TokenCount);
        return true;
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
        var count = _sequences.Count;
        if (_demands.Length < count)
        {
            Array.Resize(ref _demands, 2 * count);
            Array.Resize(ref _grants, 2 * count);
        }

        for (var i = 0; i < count; i++)
        {
            var sequence = _sequences[i];
            _demands[i] = new PrefillDemand(sequence.Cache.TokenCount, sequence.PendingTokenCount, sequence.Outbox.IsFull);
        }

        return _scheduler.Plan(_demands.AsSpan(0, count), _grants.AsSpan(0, count)) > 0;
    }

    private Exception? Run()
    {
        _batch.Clear();
        try
        {
            for (var i = 0; i < _sequences.Count; i++)
            {
                if (_grants[i] > 0)
                {
                    var sequence = _sequences[i];
                    sequence.StartedAt = sequence.StartedAt == 0 ? _time.GetTimestamp() : sequence.StartedAt;
                    var tokens = sequence.Generation.TokenIds.Slice(sequence.Cache.TokenCount, _grants[i]);
                    _batch.Add(sequence.Cache, tokens, wantsLogits: _grants[i] == sequence.PendingTokenCount, sequence.Outbox);
                }
            }

            _runner.Forward(_batch);
            return null;
        }
        catch (Exception error)
        {
            _log.StepFailed(error, _batch.EntryCount);
            return error;
        }
    }

    private void Commit(Exception? error)
    {
        var entry = 0;
        var kept = 0;
        for (var i = 0; i < _sequences.Count; i++)
        {
            var sequence = _sequences[i];
            if (_grants[i] == 0 || !Commit(sequence, entry++, error))
            {
                _sequences[kept++] = sequence;
            }
        }

        _sequences.RemoveRange(kept, _sequences.Count - kept);
    }

    /// <summary>Takes in an entry's result; true when the Sequence is done, well or not.</summary>
    private bool Commit(PrefillSequence sequence, int entry, Exception? error)
    {
        var failure = error is not null ? SequenceFailedException.Of(error)
            : _batch.Failure(entry) is var step and not StepFailure.None ? SequenceFailedException.Of(step)
            : null;
        sequence.CountQueued();
        if (failure is null && sequence.PendingTokenCount > 0)
        {
            return false;
        }

        if (failure is null)
        {
            failure = TryEmit(sequence, entry);
        }

        sequence.Release(failure);
        return true;
    }

    /// <summary>A fault in one Sequence's sampling must not end the thread that serves them all.</summary>
    private SequenceFailedException? TryEmit(PrefillSequence sequence, int entry)
    {
        try
        {
            return Emit(sequence, entry);
        }
        catch (Exception error)
        {
            _log.StepFailed(error, 1);
            return SequenceFailedException.Of(error);
        }
    }

    private SequenceFailedException? Emit(PrefillSequence sequence, int entry)
    {
        var token = sequence.Generation.Choose(_sampler, _batch.Logits(entry));
        if (token.Status != SampleStatus.Ok)
        {
            return SequenceFailedException.Of(token.Status);
        }

        // The token goes out before the Tail is packed: it decides the time to the first token.
        var logprob = sequence.Generation.WantsLogprobs ? LogprobMessages.From(token) : null;
        var computed = sequence.Generation.TokenCount - sequence.CachedTokenCount;
        sequence.SetSample(new PrefillSample(token.Id, logprob, computed, sequence.StartedAt, _time.GetTimestamp()));
        if (sequence.SendsTail && sequence.Cache.TailBlockId is { } tailId)
        {
            for (var layer = 0; layer < _runner.Geometry.LayerCount; layer++)
            {
                sequence.Outbox.Post(new OutgoingSlab(tailId, layer, sequence.Cache.ExportTail(layer), IsTransient: true));
            }
        }

        return null;
    }
}
