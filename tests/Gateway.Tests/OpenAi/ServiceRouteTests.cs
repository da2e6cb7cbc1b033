using System.Net;
using System.Text.Json.Nodes;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.OpenAi;

public sealed class ServiceRouteTests
{
    [Fact]
    public async Task Readyz_UntilAllThreePoolsHaveOne_503NamesTheGap()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 0, decode: 0, store: false);
        (WorkerRole Role, string Gap)[] steps =
            [(WorkerRole.Decode, "decode worker"), (WorkerRole.Prefill, "prefill worker"), (WorkerRole.Kvstore, "KvStore shard")];
        var workers = new List<TestWorker>();
        foreach ((WorkerRole role, string gap) in steps)
        {
            using HttpResponseMessage before = await cluster.Http.GetAsync("/readyz", Timeouts.Token());
            Assert.Equal(HttpStatusCode.ServiceUnavailable, before.StatusCode);
            Assert.Contains(gap, await before.Content.ReadAsStringAsync(Timeouts.Token()));
            workers.Add(await cluster.AddAsync($"w-{role}", role));
        }

        using HttpResponseMessage after = await cluster.Http.GetAsync("/readyz", Timeouts.Token());
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        using HttpResponseMessage alive = await cluster.Http.GetAsync("/healthz", Timeouts.Token());
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        foreach (TestWorker worker in workers)
        {
            await worker.DisposeAsync();
        }
    }

    [Fact]
    public async Task Models_BothPools_ListedAndFound()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonNode list = JsonNode.Parse(await cluster.Http.GetStringAsync("/v1/models", Timeouts.Token()))!;
        Assert.Equal("list", (string?)list["object"]);
        JsonNode entry = Assert.Single(list["data"]!.AsArray())!;
        Assert.Equal(("demo", "model"), ((string?)entry["id"], (string?)entry["object"]));
        JsonNode one = JsonNode.Parse(await cluster.Http.GetStringAsync("/v1/models/demo", Timeouts.Token()))!;
        Assert.Equal(entry.ToJsonString(), one.ToJsonString());
    }

    [Fact]
    public async Task Metrics_AfterARequest_HaveItsCounts()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(), 5));
        string text = await cluster.Http.GetStringAsync("/metrics", Timeouts.Token());
        foreach (string name in new[] { "requests", "ttft", "tbt", "e2e", "prompt_tokens", "generation_tokens", "cached_tokens", "kv_bytes" })
        {
            Assert.Contains($"kvcluster_gateway_{name}", text);
        }
    }
}
