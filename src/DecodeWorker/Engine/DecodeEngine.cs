using KvCluster.DecodeWorker.Scheduling;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Sampling;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Engine;

/// <summary>The engine loop of decode: continuous batching on one thread. Sequences join and leave between steps.</summary>
internal sealed class DecodeEngine : IDisposable
{
    private static readonly SequenceFailedException Stopped = new("The worker was stopped.");

    private readonly IModelRunner _runner;
    private readonly ISlabSink? _sink;
    private readonly DecodeScheduler _scheduler;
    private readonly DecodeMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly EngineThread _thread;
    private readonly List<DecodeSequence> _inbox = [];
    private readonly List<DecodeSequence> _sequences = [];
    private readonly StepBatch _batch = new();
    private readonly Sampler _sampler = new();
    private DecodeDemand[] _demands = new DecodeDemand[16];
    private int[] _grants = new int[16];
    private long _arrivals;
    private bool _isStopped;

    /// <param name="runner">Runs the steps.</param>
    /// <param name="sink">Hears of the Blocks that fill up here; may be null.</param>
    /// <param name="localPrefillChunkTokens">Most prompt tokens of a step.</param>
    /// <param name="metrics">Counts steps.</param>
    /// <param name="time">Measures steps.</param>
    /// <param name="log">Hears of steps that failed.</param>
    public DecodeEngine(
        IModelRunner runner, ISlabSink? sink, int localPrefillChunkTokens, DecodeMetrics metrics, TimeProvider time, ILogger<DecodeEngine> log)
    {
        _runner = runner;
        _sink = sink;
        _scheduler = new DecodeScheduler(localPrefillChunkTokens);
        _metrics = metrics;
        _time = time;
        _log = log;
        _thread = new EngineThread("decode engine", Step);
        _thread.Start();
    }

    /// <summary>Hands a Sequence to the engine; at least one of its tokens has no KV yet.</summary>
    public void Submit(DecodeSequence sequence)
    {
        lock (_inbox)
        {
            if (_isStopped)
            {
                sequence.Release(Stopped);
                return;
            }

            sequence.Arrival = _arrivals++;
            _inbox.Add(sequence);
        }

        _thread.Wake();
    }

    public void Cancel(DecodeSequence sequence)
    {
        sequence.Cancel();
        _thread.Wake();
    }

    /// <summary>A reader has caught up.</summary>
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
            _demands[i] = new DecodeDemand(sequence.Arrival, sequence.PendingTokenCount, sequence.IsPaused);
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
                    var tokens = sequence.Generation.TokenIds.Slice(sequence.Cache.TokenCount, _grants[i]);
                    _batch.Add(sequence.Cache, tokens, wantsLogits: _grants[i] == sequence.PendingTokenCount, _sink);
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
    private bool Commit(DecodeSequence sequence, int entry, Exception? error)
    {
        var failure = error is not null ? SequenceFailedException.Of(error)
            : _batch.Failure(entry) is var step and not StepFailure.None ? SequenceFailedException.Of(step)
            : null;
        if (failure is null)
        {
            sequence.EmitReadyOnce();
            if (sequence.PendingTokenCount > 0)
            {
                return false;
            }

            failure = TryEmit(sequence, entry);
        }

        if (failure is null && sequence.Generation.End == SequenceEnd.None)
        {
            return false;
        }

        sequence.Release(failure);
        return true;
    }

    /// <summary>A fault in one Sequence's sampling must not end the thread that serves them all.</summary>
    private SequenceFailedException? TryEmit(DecodeSequence sequence, int entry)
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

    private SequenceFailedException? Emit(DecodeSequence sequence, int entry)
    {
        var token = sequence.Generation.Choose(_sampler, _batch.Logits(entry));
        if (token.Status != SampleStatus.Ok)
        {
            return SequenceFailedException.Of(token.Status);
        }

        var logprob = sequence.Generation.WantsLogprobs ? LogprobMessages.From(token) : null;
        var end = sequence.Generation.Commit(token.Id);
        sequence.Emit(new DecodeOutput(token.Id, logprob, end));
        return null;
    }
}
