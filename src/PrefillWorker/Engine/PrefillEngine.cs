using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Sampling;
using KvCluster.PrefillWorker.Scheduling;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>The engine of prefill: shares each step's token budget among the prompts in work.</summary>
internal sealed class PrefillEngine : EngineLoop<PrefillSequence>
{
    private readonly PrefillScheduler _scheduler;
    private readonly PrefillMetrics _metrics;
    private readonly Sampler _sampler = new();
    private PrefillDemand[] _demands = new PrefillDemand[8];

    public PrefillEngine(IModelRunner runner, int stepTokens, PrefillMetrics metrics, TimeProvider time, ILogger<PrefillEngine> log, HostFault fault)
        : base("prefill engine", runner, time, log, fault)
    {
        _scheduler = new PrefillScheduler(stepTokens);
        _metrics = metrics;
        Start();
    }

    protected override int Plan(List<PrefillSequence> sequences, Span<int> grants)
    {
        if (_demands.Length < sequences.Count)
        {
            Array.Resize(ref _demands, 2 * sequences.Count);
        }

        for (var i = 0; i < sequences.Count; i++)
        {
            var sequence = sequences[i];
            _demands[i] = new PrefillDemand(sequence.Cache.TokenCount, sequence.PendingTokenCount, sequence.Outbox.IsFull);
        }

        return _scheduler.Plan(_demands.AsSpan(0, sequences.Count), grants);
    }

    protected override ISlabSink? Begin(PrefillSequence sequence)
    {
        sequence.StartedAt = sequence.StartedAt == 0 ? Time.GetTimestamp() : sequence.StartedAt;
        return sequence.Outbox;
    }

    protected override bool Commit(PrefillSequence sequence, SequenceFailedException? failure, StepToken token)
    {
        sequence.CountQueued();
        if (failure is null && sequence.PendingTokenCount > 0)
        {
            return false;
        }

        sequence.Release(failure ?? TryEmit(sequence, token));
        return true;
    }

    protected override void Record(TimeSpan elapsed, int sequenceCount, int tokenCount) => _metrics.RecordStep(elapsed, sequenceCount, tokenCount);

    protected override SequenceFailedException? Emit(PrefillSequence sequence, StepToken token)
    {
        var chosen = token.Choose(sequence.Generation, _sampler);
        if (chosen.Status != SampleStatus.Ok)
        {
            return SequenceFailedException.Of(chosen.Status);
        }

        // The token goes out before the Tail is packed: it decides the time to the first token.
        var logprob = sequence.Generation.WantsLogprobs ? LogprobMessages.From(chosen) : null;
        var computed = sequence.Generation.TokenCount - sequence.CachedTokenCount;
        sequence.SetSample(new PrefillSample(chosen.Id, logprob, computed, sequence.StartedAt, Time.GetTimestamp()));
        if (sequence.SendsTail && sequence.Cache.TailBlockId is { } tailId)
        {
            for (var layer = 0; layer < Runner.Geometry.LayerCount; layer++)
            {
                sequence.Outbox.PostTail(new OutgoingSlab(tailId, layer, sequence.Cache.ExportTail(layer), IsTransient: true));
            }
        }

        return null;
    }
}
