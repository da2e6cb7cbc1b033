using System.Diagnostics.Metrics;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker;

/// <summary>The <c>kvcluster.decode.*</c> instruments. Times are in seconds.</summary>
internal sealed class DecodeMetrics : IDisposable
{
    public const string MeterName = "KvCluster.DecodeWorker";

    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _promptTokens;
    private readonly Counter<long> _refusedSlabs;
    private readonly Counter<long> _receivedBytes;
    private readonly Counter<long> _handOvers;
    private readonly Counter<long> _directSlabs;
    private readonly Counter<long> _directBytes;
    private readonly Counter<long> _stalePuts;
    private readonly Counter<long> _writtenBlocks;
    private readonly Counter<long> _unwrittenBlocks;
    private readonly Histogram<double> _queueTime;
    private readonly Histogram<double> _intakeTime;
    private readonly Histogram<double> _stepTime;
    private readonly Histogram<int> _stepTokens;
    private readonly Histogram<int> _batchSize;

    public DecodeMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _requests = _meter.CreateCounter<long>("kvcluster.decode.requests", description: "Calls that ended, by status.");
        _tokens = _meter.CreateCounter<long>("kvcluster.decode.tokens", description: "Tokens sent to the Gateway.");
        _promptTokens = _meter.CreateCounter<long>("kvcluster.decode.prompt_tokens", description: "Tokens whose KV was needed, by source: received or computed.");
        _refusedSlabs = _meter.CreateCounter<long>("kvcluster.decode.refused_slabs", description: "Slabs that failed verification.");
        _receivedBytes = _meter.CreateCounter<long>("kvcluster.decode.received_bytes", "By", "Bytes of the slabs taken in.");
        _handOvers = _meter.CreateCounter<long>(
            "kvcluster.decode.direct_hand_overs", description: "Prompts that prefill workers were to hand over directly, by result: direct, or read from the KvStore because that broke or came late.");
        _directSlabs = _meter.CreateCounter<long>("kvcluster.decode.direct_slabs", description: "Slabs taken straight from prefill workers.");
        _directBytes = _meter.CreateCounter<long>("kvcluster.decode.direct_bytes", "By", "Their bytes, a part of those received.");
        _stalePuts = _meter.CreateCounter<long>("kvcluster.decode.stale_epoch_puts", description: "Puts refused because a newer incarnation of the prefill worker is known.");
        _writtenBlocks = _meter.CreateCounter<long>("kvcluster.decode.written_blocks", description: "Blocks that filled here and reached the KvStore.");
        _unwrittenBlocks = _meter.CreateCounter<long>("kvcluster.decode.unwritten_blocks", description: "Blocks that filled here and did not reach the KvStore.");
        _queueTime = _meter.CreateHistogram<double>("kvcluster.decode.queue_time", "s", "From a call's arrival until there is room for its KV.");
        _intakeTime = _meter.CreateHistogram<double>("kvcluster.decode.intake_time", "s", "From room for its KV until the slabs are in.");
        _stepTime = _meter.CreateHistogram<double>("kvcluster.decode.step_time", "s", "One forward pass with sampling.");
        _stepTokens = _meter.CreateHistogram<int>("kvcluster.decode.step_tokens", description: "Tokens of a step.");
        _batchSize = _meter.CreateHistogram<int>("kvcluster.decode.batch_size", description: "Sequences of a step.");
    }

    /// <summary>Publishes what is read when somebody looks.</summary>
    public void Observe(LoadGauge load)
    {
        _meter.CreateObservableGauge("kvcluster.decode.running_sequences", () => load.RunningSequenceCount);
        _meter.CreateObservableGauge("kvcluster.decode.waiting_sequences", () => load.WaitingSequenceCount);
        _meter.CreateObservableGauge("kvcluster.decode.queued_tokens", () => load.QueuedTokenCount);
        _meter.CreateObservableGauge("kvcluster.decode.kv_bytes", () => load.KvBytes, "By");
    }

    public void RecordStep(TimeSpan time, int sequenceCount, int tokenCount)
    {
        _stepTime.Record(time.TotalSeconds);
        _batchSize.Record(sequenceCount);
        _stepTokens.Record(tokenCount);
    }

    public void RecordIntake(TimeSpan queueTime, TimeSpan intakeTime, long receivedBytes, int receivedTokenCount, int computedTokenCount)
    {
        _queueTime.Record(queueTime.TotalSeconds);
        _intakeTime.Record(intakeTime.TotalSeconds);
        _receivedBytes.Add(receivedBytes);
        _promptTokens.Add(receivedTokenCount, new KeyValuePair<string, object?>("source", "received"));
        _promptTokens.Add(computedTokenCount, new KeyValuePair<string, object?>("source", "computed"));
    }

    /// <param name="result">direct, broken or late.</param>
    public void RecordHandOver(string result) => _handOvers.Add(1, new KeyValuePair<string, object?>("result", result));

    public void RecordDirectSlab(int sizeBytes)
    {
        _directSlabs.Add(1);
        _directBytes.Add(sizeBytes);
    }

    public void RecordStalePut() => _stalePuts.Add(1);

    public void RecordTokens(int count) => _tokens.Add(count);

    public void RecordWritten(int blockCount) => _writtenBlocks.Add(blockCount);

    public void RecordUnwritten(int blockCount, string reason) =>
        _unwrittenBlocks.Add(blockCount, new KeyValuePair<string, object?>("reason", reason));

    public void RecordRefused(string reason) => _refusedSlabs.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void RecordRequest(string status) => _requests.Add(1, new KeyValuePair<string, object?>("status", status));

    public void Dispose() => _meter.Dispose();
}
