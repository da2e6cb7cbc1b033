using System.Diagnostics.Metrics;
using System.Net;
using Grpc.Health.V1;
using KvCluster.Protocol;
using KvCluster.ServiceDefaults.Metrics;

namespace KvCluster.KvStore.Tests;

public sealed class ObservabilityTests
{
    [Fact]
    public void Write_EveryKindOfInstrument_IsPrometheusText()
    {
        using var meter = new Meter(new MeterOptions("test.metrics") { Tags = [new("pool", "a")] });
        using var twin = new Meter(new MeterOptions("test.metrics") { Tags = [new("pool", "a")] });
        using var registry = new MetricsRegistry(candidate => candidate.Name == "test.metrics");
        Counter<long> counter = meter.CreateCounter<long>("test.slabs", "{slab}", "Slabs \\ seen.\nAll.");
        counter.Add(2, new KeyValuePair<string, object?>("kind", "a\"b"));
        counter.Add(3, new KeyValuePair<string, object?>("kind", "a\"b"));
        twin.CreateCounter<long>("test.slabs").Add(10, new KeyValuePair<string, object?>("kind", "a\"b"));
        meter.CreateUpDownCounter<int>("test.open").Add(-4);
        meter.CreateGauge<double>("vllm:test.ratio").Record(0.25);
        meter.CreateObservableCounter("test.sent", () => 7L, "By");
        Histogram<double> histogram = meter.CreateHistogram(
            "test.time", "s", null, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        foreach (double value in new[] { 0.05, 0.1, 0.5, 3 })
        {
            histogram.Record(value);
        }

        string text = Scrape(registry);

        Assert.Equal(text, Scrape(registry));
        Assert.Equal(
            """
            # TYPE test_open gauge
            test_open{pool="a"} -4
            # TYPE test_sent_bytes_total counter
            test_sent_bytes_total{pool="a"} 7
            # HELP test_slabs_total Slabs \\ seen.\nAll.
            # TYPE test_slabs_total counter
            test_slabs_total{pool="a",kind="a\"b"} 15
            # TYPE test_time_seconds histogram
            test_time_seconds_bucket{pool="a",le="0.1"} 2
            test_time_seconds_bucket{pool="a",le="1"} 3
            test_time_seconds_bucket{pool="a",le="+Inf"} 4
            test_time_seconds_sum{pool="a"} 3.65
            test_time_seconds_count{pool="a"} 4
            # TYPE vllm:test_ratio gauge
            vllm:test_ratio{pool="a"} 0.25

            """.ReplaceLineEndings("\n"),
            text);
    }

    [Fact]
    public async Task Http_StartedStore_IsHealthyAndServesItsCounters()
    {
        await using TestStore store = await TestStore.StartAsync(httpListenAddress: "http://localhost:0");
        await store.PutAsync([TestSlabs.Id(1)]);
        using var http = new HttpClient { BaseAddress = new Uri(store.Addresses[1]) };

        string metrics = await http.GetStringAsync("/metrics").Soon();
        using HttpResponseMessage alive = await http.GetAsync("/healthz").Soon();
        string ready = await http.GetStringAsync("/readyz").Soon();

        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        Assert.Equal("ready\n", ready);
        Assert.Contains($"kvcluster_kvstore_used_bytes {3 * TestSlabs.SizeBytes}\n", metrics, StringComparison.Ordinal);
        Assert.Contains("kvcluster_kvstore_put_slabs_total 3\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GrpcHealth_StartedStore_IsServing()
    {
        await using TestStore store = await TestStore.StartAsync();
        using var channel = GrpcChannels.Create(store.Addresses[0]);
        HealthCheckResponse reply = await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest()).ResponseAsync.Soon();
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, reply.Status);
    }

    private static string Scrape(MetricsRegistry registry)
    {
        var text = new StringWriter();
        registry.Write(text);
        return text.ToString();
    }
}
