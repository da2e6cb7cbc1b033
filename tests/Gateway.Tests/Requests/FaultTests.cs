using Grpc.Core;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Requests;

public sealed class FaultTests
{
    [Theory]
    [InlineData(WorkerFaultName.Refuse)]
    [InlineData(WorkerFaultName.Die)]
    public async Task Generate_PrefillFailsBeforeFirstToken_AnotherTakesIt(string fault)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 2);
        cluster.Prefill[0].Behavior.Fault = Enum.Parse<WorkerFault>(fault);
        await AssertRightAsync(cluster);
        Assert.Single(cluster.Prefill[1].Behavior.Prefills);
        Assert.False(Assert.Single(cluster.Decode[0].Behavior.PrefillDones).Failed);
    }

    [Fact]
    public async Task Generate_AllPrefillWorkersFail_DecodeComputesAll()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 2);
        cluster.Prefill.ForEach(worker => worker.Behavior.Fault = WorkerFault.Refuse);
        await AssertRightAsync(cluster);
        Assert.True(Assert.Single(cluster.Decode[0].Behavior.PrefillDones).Failed);
    }

    [Fact]
    public async Task Generate_PrefillDiesAfterFirstToken_DecodeGoesOn()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Prefill[0].Behavior.Fault = WorkerFault.Break;
        cluster.Prefill[0].Behavior.FaultAfterTokens = 1;
        await AssertRightAsync(cluster);
        Assert.False(Assert.Single(cluster.Decode[0].Behavior.PrefillDones).Failed);
    }

    [Fact]
    public async Task Generate_NoPrefillWorker_DecodeComputesAll()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 0);
        await AssertRightAsync(cluster);
    }

    [Fact]
    public async Task Generate_NoStore_DecodeComputesAll()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(store: false);
        await AssertRightAsync(cluster);
        Assert.True(Assert.Single(cluster.Decode[0].Behavior.Decodes).LocalPrefill);
    }

    [Theory]
    [InlineData(WorkerFaultName.Refuse, 0)]
    [InlineData(WorkerFaultName.Die, 0)]
    [InlineData(WorkerFaultName.Die, 1)]
    [InlineData(WorkerFaultName.Die, 17)]
    [InlineData(WorkerFaultName.Break, 1)]
    [InlineData(WorkerFaultName.Break, 17)]
    public async Task Generate_DecodeFails_AnotherTakesOverWithTheSameTokens(string fault, int afterTokens)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(decode: 2);
        cluster.Decode[0].Behavior.Fault = Enum.Parse<WorkerFault>(fault);
        cluster.Decode[0].Behavior.FaultAfterTokens = afterTokens;
        await AssertRightAsync(cluster);
        DecodeStart second = Assert.Single(cluster.Decode[1].Behavior.Decodes);
        Assert.Equal(200, second.PromptTokenCount);
        Assert.InRange(second.TokenIds.Count, 200, 201 + afterTokens);
        Assert.Equal(second.TokenIds.Count / 64, second.BlockIds.Count);
        if (fault == WorkerFaultName.Break)
        {
            Assert.True(second.LocalPrefill);
            Assert.Equal(201 + afterTokens, second.TokenIds.Count);
        }
    }

    [Fact]
    public async Task Generate_DecodeWorkerSilentAndHanging_AnotherTakesOver()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(decode: 2, configure: options => options.HeartbeatIntervalMs = 300);
        cluster.Decode[0].Behavior.Fault = WorkerFault.Hang;
        cluster.Decode[0].Behavior.FaultAfterTokens = 5;
        await cluster.Decode[0].FallSilentAsync();
        await AssertRightAsync(cluster);
        Assert.Single(cluster.Decode[1].Behavior.Decodes);
        Assert.DoesNotContain(
            (await cluster.Members.ListWorkersAsync(new ListWorkersRequest(), cancellationToken: Timeouts.Token())).Workers,
            status => status.Worker.WorkerId == "decode-0");
    }

    [Fact]
    public async Task Generate_WorkerStallsButBeats_AnotherTakesOver()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(decode: 2, configure: StallSoon);
        cluster.Decode[0].Behavior.Fault = WorkerFault.Hang;
        cluster.Decode[0].Behavior.FaultAfterTokens = 3;
        await AssertRightAsync(cluster);
        Assert.Single(cluster.Decode[1].Behavior.Decodes);
    }

    [Fact]
    public async Task Generate_PromptWaitsLongWhileItsWorkerGetsOn_NobodyTakesOver()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 2, decode: 2, configure: StallSoon);
        int beatCount = 0;
        var gate = new TaskCompletionSource();
        foreach (TestWorker worker in cluster.Prefill)
        {
            worker.Behavior.ReadyGate = gate;
            worker.Behavior.QueuedTokens = () => 1000 - Interlocked.Increment(ref beatCount);
        }

        Task answer = AssertRightAsync(cluster);
        await Timeouts.UntilAsync(() => Task.FromResult(Volatile.Read(ref beatCount) >= 60), "heartbeats for three stall times");
        gate.SetResult();
        await answer;
        Assert.Single(cluster.Prefill.SelectMany(worker => worker.Behavior.Prefills));
        Assert.Single(cluster.Decode.SelectMany(worker => worker.Behavior.Decodes));
    }

    [Fact]
    public async Task Generate_PrefillWorkerStallsButBeats_AnotherTakesOver()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 2, configure: StallSoon);
        cluster.Prefill[0].Behavior.Fault = WorkerFault.Hang;
        cluster.Prefill[0].Behavior.FaultAfterTokens = 0;
        await AssertRightAsync(cluster);
        Assert.Single(cluster.Prefill[1].Behavior.Prefills);
    }

    [Fact]
    public async Task Generate_OnlyDecodeWorkerRestarts_GoesOnThere()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Decode[0].Behavior.Fault = WorkerFault.Break;
        cluster.Decode[0].Behavior.FaultAfterTokens = 4;
        using AsyncServerStreamingCall<GenerateReply> call = cluster.Client.Generate(
            TestCluster.Request(cluster.Prompt(), 30), cancellationToken: Timeouts.Token());
        var replies = new List<GenerateReply>();
        await foreach (GenerateReply reply in call.ResponseStream.ReadAllAsync(Timeouts.Token()))
        {
            replies.Add(reply);
            if (replies.Count == 5)
            {
                cluster.Decode[0].Behavior.Fault = WorkerFault.None;
            }
        }

        Assert.Equal(cluster.Script.Continue(cluster.Prompt(), 30), replies.TokenIds());
    }

    [Fact]
    public async Task Generate_EveryDecodeWorkerDies_Unavailable()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(decode: 2, configure: options => options.TakeOverWaitMs = 3000);
        cluster.Decode.ForEach(worker => worker.Behavior.Fault = WorkerFault.Die);
        Status status = await cluster.FailureAsync(TestCluster.Request(cluster.Prompt(), 5));
        Assert.Equal(StatusCode.Unavailable, status.StatusCode);
        Assert.Contains("gave up after 4 workers", status.Detail);
        await cluster.UntilAllReleasedAsync();
    }

    [Fact]
    public async Task Generate_EveryDecodeWorkerIsFull_ResourceExhausted()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Decode[0].Behavior.Fault = WorkerFault.Refuse;
        Status status = await cluster.FailureAsync(TestCluster.Request(cluster.Prompt(), 5));
        Assert.Equal(StatusCode.ResourceExhausted, status.StatusCode);
        await cluster.UntilAllReleasedAsync();
    }

    private static void StallSoon(GatewayOptions options)
    {
        options.HeartbeatIntervalMs = 500;
        options.StallTimeoutMs = 1000;
    }

    private static async Task AssertRightAsync(TestCluster cluster)
    {
        int[] prompt = cluster.Prompt();
        List<GenerateReply> replies = await cluster.AllAsync(TestCluster.Request(prompt, 40));
        Assert.Equal(cluster.Script.Continue(prompt, 40), replies.TokenIds());
        Assert.Equal(cluster.Model.Tokenizer.Decode(replies.TokenIds(), skipSpecialTokens: true), replies.Text());
        Assert.Equal(40, replies[^1].Usage.CompletionTokens);
        await cluster.UntilAllReleasedAsync();
    }

    /// <summary>Attributes take constants; the enum is internal.</summary>
    private static class WorkerFaultName
    {
        public const string Refuse = nameof(WorkerFault.Refuse);
        public const string Break = nameof(WorkerFault.Break);
        public const string Die = nameof(WorkerFault.Die);
    }
}
