using KvCluster.DecodeWorker.Scheduling;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Sampling;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Engine;

/// <summary>The engine of decode: continuous batching.</summary>
internal sealed class DecodeEngine : EngineLoop<DecodeSequence>
{
    private readonly ISlabSink? _sink;
    private readonly DecodeScheduler _scheduler;
    private readonly DecodeMetrics _metrics;
    private readonly Sampler _sampler = new();
    private DecodeDemand[] _demands = new DecodeDemand[16];
    private long _arrivals;

    /// <param name="runner">Runs the steps.</param>
    /// <param name="sink">Hears of the Blocks that fill up here; may be null.</param>
    /// <param name="localPrefillChunkTokens">Most prompt tokens of a step.</param>
    /// <param name="metrics">Counts steps.</param>
    /// <param name="time">Measures steps.</param>
    /// <param name="log">Hears of steps that failed.</param>
    /// <param name="fault">Hears of a device that is lost.</param>
    public DecodeEngine(
        IModelRunner runner, ISlabSink? sink, int localPrefillChunkTokens, DecodeMetrics metrics, TimeProvider time, ILogger<DecodeEngine> log, HostFault fault)
        : base("decode engine", runner, time, log, fault)
    {
        _sink = sink;
        _scheduler = new DecodeScheduler(localPrefillChunkTokens);
        _metrics = metrics;
        Start();
    }

    protected override void Join(DecodeSequence sequence) => sequence.Arrival = _arrivals++;

    protected override int Plan(List<DecodeSequence> sequences, Span<int> grants)
    {
        if (_demands.Length < sequences.Count)
        {
            Array.Resize(ref _demands, 2 * sequences.Count);
        }

        for (var i = 0; i < sequences.Count; i++)
        {
            var sequence = sequences[i];
            _demands[i] = new DecodeDemand(sequence.Arrival, sequence.PendingTokenCount, sequence.IsPaused);
        }

        return _scheduler.Plan(_demands.AsSpan(0, sequences.Count), grants);
    }

    protected override ISlabSink? Begin(DecodeSequence sequence) => _sink;

    protected override bool Commit(DecodeSequence sequence, SequenceFailedException? failure, StepToken token)
    {
        if (failure is null)
        {
            sequence.EmitReadyOnce();
            if (sequence.PendingTokenCount > 0)
            {
                return false;
            }

            failure = TryEmit(sequence, token);
        }

        if (failure is null && sequence.Generation.End == SequenceEnd.None)
        {
            return false;
        }

        sequence.Release(failure);
        return true;
    }

    protected override void Record(TimeSpan elapsed, int sequenceCount, int tokenCount) => _metrics.RecordStep(elapsed, sequenceCount, tokenCount);

    protected override SequenceFailedException? Emit(DecodeSequence sequence, StepToken token)
    {
        var chosen = token.Choose(sequence.Generation, _sampler);
        if (chosen.Status != SampleStatus.Ok)
        {
            return SequenceFailedException.Of(chosen.Status);
        }

        var logprob = sequence.Generation.WantsLogprobs ? LogprobMessages.From(chosen) : null;
        var end = sequence.Generation.Commit(chosen.Id);
        sequence.Emit(new DecodeOutput(chosen.Id, logprob, end));
        return null;
    }
}
