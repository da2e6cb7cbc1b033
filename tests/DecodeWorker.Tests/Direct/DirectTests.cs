using System.Diagnostics.Metrics;
using KvCluster.DecodeWorker.Direct;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;
using KvCluster.Workers.Tests;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.DecodeWorker.Tests.Direct;

/// <summary>Prompts that a prefill worker hands straight to a decode worker: the same tokens as through the store, and over the way they should.</summary>
[Collection("cluster")]
public sealed class DirectTests
{
    private const int LayerCount = 8;
    private static readonly Sampling Endless = new() { Temperature = 0, IgnoreEos = true };

    [Theory]
    [InlineData("raw", null, true)]
    [InlineData("int8", null, false)]
    [InlineData("int4", null, true)]
    [InlineData("int4", -1, false)]
    public async Task Decode_HandedOverDirectlyColdWarmBatched_SameTokensAndOnlyThePrefixFromTheStore(string kvSpec, int? slabPort, bool isLocal)
    {
        await using var cluster = await TestCluster.StartAsync(kvSpec);
        var prefill = await PrefillClient.StartAsync(cluster);
        var decode = await DecodeClient.StartAsync(cluster, options =>
            (options.SlabPort, options.SlabSocketFolder) = (slabPort, isLocal ? options.SlabSocketFolder : ""));
        var prompt = TestModel.Prompt(120, 270);
        var expected = TestOracle.Generate(cluster.Model, prompt, 20, new() { IgnoreEos = true });

        var cold = await decode.RunAsync(prefill, prompt, 20, sampling: Endless, isDirect: true);
        var afterCold = await cluster.StatAsync();
        Assert.Equal(expected, cold.TokenIds);
        Assert.Equal((270, 0, 0), (cold.Ready.KvTokensReceived, cold.Ready.ComputedTokens, cold.Ready.RefusedSlabs));
        Assert.Equal(cold.Ready.KvBytesReceived, cold.Ready.DirectKvBytesReceived);
        Assert.Equal((4L * LayerCount, 0L), (afterCold.PutSlabs, afterCold.GetSlabs));

        var warm = await decode.RunAsync(prefill, prompt, 20, cachedBlockCount: 4, sampling: Endless, isDirect: true);
        var afterWarm = await cluster.StatAsync();
        Assert.Equal(expected, warm.TokenIds);
        Assert.Equal((270, 0), (warm.Ready.KvTokensReceived, warm.Ready.ComputedTokens));

        // Both workers read the prefix; the Tail alone goes from one to the other.
        Assert.Equal(2L * 4 * LayerCount, afterWarm.GetSlabs);
        Assert.Equal(afterWarm.GetBytes / 2, warm.Ready.KvBytesReceived - warm.Ready.DirectKvBytesReceived);
        Assert.True(warm.Ready.DirectKvBytesReceived > 0);

        int[][] prompts = [.. Enumerable.Range(0, 8).Select(i => TestModel.Prompt(130 + (i / 2), 60 + (i * 37)))];
        var answers = await Task.WhenAll(prompts.Select((each, i) => decode.RunAsync(prefill, each, 15, sampling: Endless, isDirect: i % 4 != 3)));
        Assert.Equal(prompts.Select(each => TestOracle.Generate(cluster.Model, each, 15, new() { IgnoreEos = true })), answers.Select(answer => answer.TokenIds));
        Assert.All(answers, answer => Assert.Equal(0, answer.Ready.ComputedTokens));
        Assert.Equal(0, decode.App.Services.GetRequiredService<DirectHandOvers>().OpenCount);
        var listener = decode.App.Services.GetRequiredService<SlabListener>();
        Assert.Equal((slabPort is null, isLocal), (listener.ConnectionCount > 0, listener.LocalConnectionCount > 0));
    }

    [Fact]
    public async Task Decode_LongPrompt_SlabsArriveWhileTheRestIsComputed()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var prefill = await PrefillClient.StartAsync(cluster, options => options.KvChunkTokens = 64);
        var decode = await DecodeClient.StartAsync(cluster);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var listener = Listen("kvcluster.decode.direct_slabs", arrived);
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        var start = decode.StartWith(TestModel.Prompt(140, 3000), 5, isDirect: true);
        using var call = decode.Call(patience.Token);
        await call.RequestStream.WriteAsync(new DecodeCommand { Start = start });
        using var prefillCall = prefill.Client.Prefill(decode.RequestFor(prefill, start), cancellationToken: patience.Token);
        var firstToken = prefillCall.ResponseStream.MoveNext(patience.Token);

        await arrived.Task.WaitAsync(patience.Token);

        Assert.False(firstToken.IsCompleted);
    }

    [Fact]
    public async Task Put_OfAnOldIncarnation_IsRefusedAndTheCurrentOneIsTaken()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var prefill = await PrefillClient.StartAsync(cluster);
        var decode = await DecodeClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(141, 100);
        var start = decode.StartWith(prompt, 8, isDirect: true);
        var current = cluster.Membership.Epochs["prefill-test"];

        // The worker starts again; the decode worker hears of it with a heartbeat at the latest, and at once when it is spoken to.
        cluster.Membership.Epochs["prefill-test"] = current + 1;
        var epochs = decode.App.Services.GetRequiredService<CurrentEpochs>();
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        while (!epochs.IsOver("prefill-test", current))
        {
            await Task.Yield();
            patience.Token.ThrowIfCancellationRequested();
        }

        var answer = await decode.RunAsync(prefill, start, patience.Token, patience.Token);

        Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 8), answer.TokenIds);
        Assert.Equal(0, answer.Ready.DirectKvBytesReceived);
        cluster.Membership.Epochs["prefill-test"] = current;
    }

    [Fact]
    public async Task Put_NobodyWaitsAnyMore_IsRefusedAtOnce()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var prefill = await PrefillClient.StartAsync(cluster);
        var decode = await DecodeClient.StartAsync(cluster);
        var start = decode.StartWith(TestModel.Prompt(142, 100), 5, isDirect: true);
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        await decode.RunAsync(prefill, start, patience.Token, patience.Token);

        // The same hand-over again, e.g. by a prefill worker that was taken for lost.
        var (_, done) = await prefill.RunAsync(decode.RequestFor(prefill, start));

        Assert.Equal((0L, 0), (done.DirectKvBytesSent, done.DirectSlabsSent));
        Assert.True(done.SlabsSent > 0);
    }

    [Fact]
    public async Task Decode_NoRoomForLong_ThePrefillWorkerGivesUpAndTheStoreServes()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var prefill = await PrefillClient.StartAsync(cluster);

        // Over gRPC, where a Put that waits sees its end; a socket's buffers would still be read to their end, which does no harm.
        var decode = await DecodeClient.StartAsync(cluster, options => (options.MaxSequences, options.SlabPort) = (1, -1));
        var prompt = TestModel.Prompt(143, 300);
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var endOther = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
        using var other = decode.Call(endOther.Token);
        await other.RequestStream.WriteAsync(new DecodeCommand { Start = decode.Start(TestModel.Prompt(144, 30), 8000, isLocal: true, sampling: Endless) });
        Assert.True(await other.ResponseStream.MoveNext(patience.Token));
        Assert.NotNull(other.ResponseStream.Current.Ready);

        var start = decode.StartWith(prompt, 10, isDirect: true);
        using var call = decode.Call(patience.Token);
        await call.RequestStream.WriteAsync(new DecodeCommand { Start = start });
        var (first, done) = await prefill.RunAsync(decode.RequestFor(prefill, start));
        await call.RequestStream.WriteAsync(new DecodeCommand { FirstToken = new DecodeFirstToken { TokenId = first.TokenId } });
        await call.RequestStream.WriteAsync(new DecodeCommand { PrefillDone = new DecodePrefillDone() });
        await endOther.CancelAsync();
        var answer = await DecodeAnswer.ReadAsync(call.ResponseStream, patience.Token);

        // The Tail too is in the store once the direct way is given up.
        Assert.Equal((0, 5 * LayerCount), (done.DirectSlabsSent, done.SlabsSent));
        Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 10)[1..], answer.TokenIds);
        Assert.Equal((300, 0, 0L), (answer.Ready.KvTokensReceived, answer.Ready.ComputedTokens, answer.Ready.DirectKvBytesReceived));
    }

    private static MeterListener Listen(string instrumentName, TaskCompletionSource first)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == instrumentName)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => first.TrySetResult());
        listener.Start();
        return listener;
    }
}
