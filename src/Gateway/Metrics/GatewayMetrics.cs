using System.Diagnostics.Metrics;
using KvCluster.Gateway.Admission;

namespace KvCluster.Gateway.Metrics;

/// <summary>Instruments of the Gateway. Times in seconds.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string MeterName = "KvCluster.Gateway";

    private readonly Meter _meter = new(MeterName);

    public GatewayMetrics(AdmissionGate gate)
    {
        Requests = _meter.CreateCounter<long>("kvcluster.gateway.requests", "{request}", "Requests ended, by outcome.");
        TimeToFirstToken = Seconds("kvcluster.gateway.ttft", "From arrival to the first token.");
        TimeBetweenTokens = Seconds("kvcluster.gateway.tbt", "Between updates with tokens, after the first.");
        EndToEnd = Seconds("kvcluster.gateway.e2e", "From arrival to the last token.");
        PromptTokens = _meter.CreateCounter<long>("kvcluster.gateway.prompt_tokens", "{token}", "Prompt tokens of finished requests.");
        GenerationTokens = _meter.CreateCounter<long>("kvcluster.gateway.generation_tokens", "{token}", "Tokens generated.");
        CachedTokens = _meter.CreateCounter<long>(
            "kvcluster.gateway.cached_tokens", "{token}", "Prompt tokens whose KV came from the KvStore instead of being computed.");
        KvBytes = _meter.CreateCounter<long>("kvcluster.gateway.kv_bytes", "By", "Encoded KV bytes, sent by prefill and received by decode.");
        TakeOvers = _meter.CreateCounter<long>("kvcluster.gateway.takeovers", "{takeover}", "Sequences taken over from a lost decode worker.");
        PrefillRetries = _meter.CreateCounter<long>("kvcluster.gateway.prefill_retries", "{retry}", "Prefills given to another worker.");
        HandOffs = _meter.CreateCounter<long>("kvcluster.gateway.handoffs", "{prompt}", "Prompts given to a prefill worker, by way and by why it was chosen.");
        HandOffTime = Seconds("kvcluster.gateway.handoff", "From the end of prefill to the first decoded token, by way.");
        HandOffBytes = _meter.CreateCounter<long>("kvcluster.gateway.handoff_bytes", "By", "Encoded KV bytes that decode workers took in, by way.");
        _meter.CreateObservableGauge("kvcluster.gateway.requests_running", () => gate.RunningCount, "{request}", "Requests admitted and not ended.");
        _meter.CreateObservableGauge("kvcluster.gateway.requests_queued", () => gate.QueuedCount, "{request}", "Requests admitted and not decoding.");
    }

    public Counter<long> Requests { get; }

    public Histogram<double> TimeToFirstToken { get; }

    public Histogram<double> TimeBetweenTokens { get; }

    public Histogram<double> EndToEnd { get; }

    public Counter<long> PromptTokens { get; }

    public Counter<long> GenerationTokens { get; }

    public Counter<long> CachedTokens { get; }

    public Counter<long> KvBytes { get; }

    public Counter<long> TakeOvers { get; }

    public Counter<long> PrefillRetries { get; }

    public Counter<long> HandOffs { get; }

    public Histogram<double> HandOffTime { get; }

    public Counter<long> HandOffBytes { get; }

    /// <summary>Publishes what is compared when a way is chosen.</summary>
    public void ObserveHandOffs(Func<IEnumerable<Measurement<double>>> medians) => _meter.CreateObservableGauge(
        "kvcluster.gateway.handoff_median", medians, "s", "Median of the last hand-overs, by way and by the least prompt tokens of their size.");

    public RequestMeter Start(string model, TimeProvider time) => new(this, model, time);

    public void Dispose() => _meter.Dispose();

    private Histogram<double> Seconds(string name, string description) => _meter.CreateHistogram<double>(name, "s", description);
}
