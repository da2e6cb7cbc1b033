using Grpc.Core;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Requests;

public sealed class AdmissionTests
{
    [Fact]
    public async Task Generate_NoDecodeWorker_UnavailableWithRetryAfter()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(decode: 0);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => cluster.AllAsync(TestCluster.Request(cluster.Prompt(), 5)));
        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        Assert.Equal("1", e.Trailers.GetValue("retry-after"));
        Assert.Contains("no decode worker of model demo", e.Status.Detail);
    }

    [Fact]
    public async Task Generate_QueueFull_ResourceExhausted()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(configure: options => options.MaxQueuedRequests = 1);
        var gate = new TaskCompletionSource();
        cluster.Decode[0].Behavior.ReadyGate = gate;
        using AsyncServerStreamingCall<GenerateReply> first = cluster.Client.Generate(
            TestCluster.Request(cluster.Prompt(), 3), cancellationToken: Timeouts.Token());
        Assert.True(await first.ResponseStream.MoveNext(Timeouts.Token()));
        Assert.Equal(StatusCode.ResourceExhausted, (await cluster.FailureAsync(TestCluster.Request(cluster.Prompt(), 3))).StatusCode);
        gate.SetResult();
        Assert.NotEmpty(await first.ResponseStream.ReadAllAsync(Timeouts.Token()).ToListAsync(Timeouts.Token()));
        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(), 3));
    }

    [Fact]
    public async Task Generate_BadFields_InvalidArgumentNamesThem()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await AssertInvalidAsync(cluster, "max_tokens", request => request.Sampling.MaxTokens = -1);
        await AssertInvalidAsync(cluster, "max_tokens", request => request.Sampling.MaxTokens = 8000);
        await AssertInvalidAsync(cluster, "top_p", request => request.Sampling.TopP = 0);
        await AssertInvalidAsync(cluster, "temperature", request => request.Sampling.Temperature = float.NaN);
        await AssertInvalidAsync(cluster, "stop", request => request.Sampling.Stop.Add(""));
        await AssertInvalidAsync(cluster, "token_ids", request => request.TokenIds.Ids.Add(-5));
        await AssertInvalidAsync(cluster, "token_ids", request => request.TokenIds = new TokenIds());
        await AssertInvalidAsync(cluster, "token_ids", request => request.TokenIds.Ids.AddRange(cluster.Prompt(length: 9000)));
        await AssertInvalidAsync(cluster, "forced_token_ids", request => request.Sampling.ForcedTokenIds.Add(1 << 30));
        await AssertInvalidAsync(cluster, "prompt", request => request.ClearPrompt());
        await AssertInvalidAsync(cluster, "chat", request => request.Chat = new ChatMessages());
    }

    [Fact]
    public async Task Generate_UnknownModel_NotFound()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        GenerateRequest request = TestCluster.Request(cluster.Prompt(), 5);
        request.Model = "gpt-9";
        Assert.Equal(StatusCode.NotFound, (await cluster.FailureAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Generate_MaxTokensUnset_UpToContext()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        GenerateRequest request = TestCluster.Request(cluster.Prompt(length: 8100), 5);
        request.Sampling.ClearMaxTokens();
        List<GenerateReply> replies = await cluster.AllAsync(request);
        Assert.Equal(cluster.Model.MaxContextTokens - 8100, replies[^1].Usage.CompletionTokens);
    }

    [Fact]
    public async Task Generate_RequestIdInUse_InvalidArgument()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Decode[0].Behavior.ReadyGate = new TaskCompletionSource();
        GenerateRequest request = TestCluster.Request(cluster.Prompt(), 5);
        request.RequestId = "mine";
        using AsyncServerStreamingCall<GenerateReply> first = cluster.Client.Generate(request, cancellationToken: Timeouts.Token());
        Assert.True(await first.ResponseStream.MoveNext(Timeouts.Token()));
        Status status = await cluster.FailureAsync(request);
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.StartsWith("request_id:", status.Detail);
    }

    private static async Task AssertInvalidAsync(TestCluster cluster, string field, Action<GenerateRequest> spoil)
    {
        GenerateRequest request = TestCluster.Request(cluster.Prompt(), 5);
        spoil(request);
        Status status = await cluster.FailureAsync(request);
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.StartsWith(field + ":", status.Detail);
    }
}
