using System.Diagnostics.Metrics;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker;

/// <summary>The <c>kvcluster.prefill.*</c> instruments. Times are in seconds.</summary>
internal sealed class PrefillMetrics : IDisposable
{
    public const string MeterName = "KvCluster.PrefillWorker";

    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _refusedSlabs;
    private readonly Counter<long> _sentSlabs;
    private readonly Counter<long> _sentBytes;
    private readonly Counter<long> _handOvers;
    private readonly Counter<long> _directSlabs;
    private readonly Counter<long> _directBytes;
    private readonly Histogram<double> _queueTime;
    private readonly Histogram<double> _stepTime;
    private readonly Histogram<int> _stepTokens;
    private readonly Histogram<int> _stepSequences;

    public PrefillMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _requests = _meter.CreateCounter<long>("kvcluster.prefill.requests", description: "Calls that ended, by status.");
        _tokens = _meter.CreateCounter<long>("kvcluster.prefill.tokens", description: "Prompt tokens, by source: computed or cached.");
        _refusedSlabs = _meter.CreateCounter<long>("kvcluster.prefill.refused_slabs", description: "Cached slabs that failed verification.");
        _sentSlabs = _meter.CreateCounter<long>("kvcluster.prefill.sent_slabs", description: "Slabs sent to the KvStore.");
        _sentBytes = _meter.CreateCounter<long>("kvcluster.prefill.sent_bytes", "By", "Bytes of the slabs sent.");
        _handOvers = _meter.CreateCounter<long>("kvcluster.prefill.direct_hand_overs", description: "Prompts to be handed over directly, by result: direct, or store when the decode worker did not take all of it.");
        _directSlabs = _meter.CreateCounter<long>("kvcluster.prefill.direct_slabs", description: "Slabs that decode workers took directly.");
        _directBytes = _meter.CreateCounter<long>("kvcluster.prefill.direct_bytes", "By", "Their bytes.");
        _queueTime = _meter.CreateHistogram<double>("kvcluster.prefill.queue_time", "s", "From a call's arrival to its first step.");
        _stepTime = _meter.CreateHistogram<double>("kvcluster.prefill.step_time", "s", "One forward pass with sampling.");
        _stepTokens = _meter.CreateHistogram<int>("kvcluster.prefill.step_tokens", description: "Tokens of a step.");
        _stepSequences = _meter.CreateHistogram<int>("kvcluster.prefill.step_sequences", description: "Sequences of a step.");
    }

    /// <summary>Publishes what is read when somebody looks.</summary>
    public void Observe(LoadGauge load)
    {
        _meter.CreateObservableGauge("kvcluster.prefill.running_sequences", () => load.RunningSequenceCount);
        _meter.CreateObservableGauge("kvcluster.prefill.waiting_sequences", () => load.WaitingSequenceCount);
        _meter.CreateObservableGauge("kvcluster.prefill.queued_tokens", () => load.QueuedTokenCount);
        _meter.CreateObservableGauge("kvcluster.prefill.kv_bytes", () => load.KvBytes, "By");
    }

    public void RecordStep(TimeSpan time, int sequenceCount, int tokenCount)
    {
        _stepTime.Record(time.TotalSeconds);
        _stepSequences.Record(sequenceCount);
        _stepTokens.Record(tokenCount);
    }

    public void RecordPrompt(TimeSpan queueTime, int computedTokenCount, int cachedTokenCount)
    {
        _queueTime.Record(queueTime.TotalSeconds);
        _tokens.Add(computedTokenCount, new KeyValuePair<string, object?>("source", "computed"));
        _tokens.Add(cachedTokenCount, new KeyValuePair<string, object?>("source", "cached"));
    }

    public void RecordSent(int slabCount, long bytes)
    {
        _sentSlabs.Add(slabCount);
        _sentBytes.Add(bytes);
    }

    /// <summary>A prompt was handed over directly, or with 0 slabs was to be.</summary>
    public void RecordHandOver(int slabCount, long bytes)
    {
        _handOvers.Add(1, new KeyValuePair<string, object?>("result", slabCount > 0 ? "direct" : "store"));
        _directSlabs.Add(slabCount);
        _directBytes.Add(bytes);
    }

    public void RecordRefused(string reason) => _refusedSlabs.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void RecordRequest(string status) => _requests.Add(1, new KeyValuePair<string, object?>("status", status));

    public void Dispose() => _meter.Dispose();
}
