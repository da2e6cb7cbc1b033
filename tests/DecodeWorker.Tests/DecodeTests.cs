using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.V1;
using KvCluster.Workers.Tests;

namespace KvCluster.DecodeWorker.Tests;

[Collection("cluster")]
public sealed class DecodeTests
{
    private static readonly Sampling Endless = new() { Temperature = 0, IgnoreEos = true };

    [Fact]
    public async Task Decode_CachedSlabOfAnotherPosition_RefusedDroppedAndComputedHere()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var decode = await DecodeClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(50, 170);
        await BadSlabs.PutAsync(cluster, TestModel.Blocks(cluster.Model, prompt).BlockIds[0], firstPosition: 64);

        var answer = await decode.RunLocalAsync(decode.Start(prompt, 10, isLocal: true));

        Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 10), answer.TokenIds);
        Assert.True(answer.Ready.RefusedSlabs > 0);
        Assert.Equal(170, answer.Ready.ComputedTokens);
        Assert.True((await cluster.StatAsync()).DroppedBlocks > 0);
    }

    [Fact]
    public async Task Decode_PrefillLostAfterFirstToken_ComputesWhatNeverCame()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var decode = await DecodeClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(51, 150);
        var expected = TestOracle.Generate(cluster.Model, prompt, 10);
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var call = decode.Call(patience.Token);

        await call.RequestStream.WriteAsync(new DecodeCommand { Start = decode.Start(prompt, 10) });
        await call.RequestStream.WriteAsync(new DecodeCommand { FirstToken = new DecodeFirstToken { TokenId = expected[0] } });
        await call.RequestStream.WriteAsync(new DecodeCommand { PrefillDone = new DecodePrefillDone() });
        var answer = await DecodeAnswer.ReadAsync(call.ResponseStream, patience.Token);

        Assert.Equal(expected[1..], answer.TokenIds);
        Assert.Equal((0, 150), (answer.Ready.KvTokensReceived, answer.Ready.ComputedTokens));
    }

    [Fact]
    public async Task Decode_PrefillFailed_SamplesTheFirstTokenHere()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var decode = await DecodeClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(52, 128);
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var call = decode.Call(patience.Token);

        await call.RequestStream.WriteAsync(new DecodeCommand { Start = decode.Start(prompt, 10) });
        await call.RequestStream.WriteAsync(new DecodeCommand { PrefillDone = new DecodePrefillDone { Failed = true } });
        var answer = await DecodeAnswer.ReadAsync(call.ResponseStream, patience.Token);

        Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 10), answer.TokenIds);
    }

    [Fact]
    public async Task Decode_FirstTokenIsTheLast_EndsWithoutTokens()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var decode = await DecodeClient.StartAsync(cluster);
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var call = decode.Call(patience.Token);

        await call.RequestStream.WriteAsync(new DecodeCommand { Start = decode.Start(TestModel.Prompt(53, 100), 1) });
        await call.RequestStream.WriteAsync(new DecodeCommand { FirstToken = new DecodeFirstToken { TokenId = 400 } });
        var answer = await DecodeAnswer.ReadAsync(call.ResponseStream, patience.Token);

        Assert.Empty(answer.TokenIds);
        Assert.Equal(FinishReason.Length, answer.Reason);
    }

    [Fact]
    public async Task Decode_ForcedTokensWithLogprobs_TakesThemAndEnds()
    {
        await using var cluster = await TestCluster.StartAsync("raw");
        var decode = await DecodeClient.StartAsync(cluster);
        var sampling = new Sampling { Temperature = 0, Logprobs = 0, ForcedTokenIds = { 500, 2, 600 } };

        var answer = await decode.RunLocalAsync(decode.Start(TestModel.Prompt(54, 40), 99, isLocal: true, sampling: sampling));

        Assert.Equal([500, 2, 600], answer.TokenIds);
        Assert.Equal([500, 2, 600], answer.Logprobs.Select(logprob => logprob.TokenId));
        Assert.All(answer.Logprobs, logprob => Assert.True(logprob.Logprob < 0));
    }

    [Fact]
    public async Task Decode_StopToken_EndsWithIt()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var decode = await DecodeClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(55, 70);
        var expected = TestOracle.Generate(cluster.Model, prompt, 8);
        var stop = expected[3];
        var length = Array.IndexOf(expected, stop) + 1;
        var sampling = new Sampling { Temperature = 0, IgnoreEos = true, StopTokenIds = { stop } };

        var answer = await decode.RunLocalAsync(decode.Start(prompt, 8, isLocal: true, sampling: sampling));

        Assert.Equal(expected[..length], answer.TokenIds);
        Assert.Equal(FinishReason.Stop, answer.Reason);
    }

    [Fact]
    public async Task Decode_SlowReader_PausesOnlyItself()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var decode = await DecodeClient.StartAsync(cluster, options => options.MaxBufferedTokens = 4);
        var prompt = TestModel.Prompt(56, 30);
        var expected = TestOracle.Generate(cluster.Model, prompt, 300, new() { IgnoreEos = true });
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var slow = decode.Call(patience.Token);
        await slow.RequestStream.WriteAsync(new DecodeCommand { Start = decode.Start(prompt, 300, isLocal: true, sampling: Endless) });
        Assert.True(await slow.ResponseStream.MoveNext(patience.Token));
        Assert.NotNull(slow.ResponseStream.Current.Ready);

        // The slow one does not read on while another is served whole.
        var other = await decode.RunLocalAsync(decode.Start(TestModel.Prompt(57, 30), 60, isLocal: true, sampling: Endless));
        var answer = await DecodeAnswer.ReadAsync(slow.ResponseStream, patience.Token);

        Assert.Equal(60, other.TokenIds.Length);
        Assert.Equal(expected, answer.TokenIds);
    }

    [Fact]
    public async Task Decode_BudgetForOne_OthersWaitAndTooLargeIsRefused()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var need = cluster.Model.Footprint.SequenceBytes(40);
        var decode = await DecodeClient.StartAsync(cluster, options => options.KvBudgetBytes = need);
        int[][] prompts = [.. Enumerable.Range(0, 4).Select(i => TestModel.Prompt(60 + i, 30))];

        var answers = await Task.WhenAll(prompts.Select(prompt => decode.RunLocalAsync(decode.Start(prompt, 10, isLocal: true))));
        var refused = await decode.FailAsync(decode.Start(prompts[0], 100, isLocal: true));

        Assert.Equal(prompts.Select(prompt => TestOracle.Generate(cluster.Model, prompt, 10)), answers.Select(answer => answer.TokenIds));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
    }

    [Fact]
    public async Task Decode_Cancelled_EverythingIsFreed()
    {
        var baseline = SlabPool.Shared.RentedBytes;
        await using (var cluster = await TestCluster.StartAsync("int4"))
        {
            var decode = await DecodeClient.StartAsync(cluster);
            using var cancel = new CancellationTokenSource(TestCluster.Patience);
            using var running = decode.Call(cancel.Token);
            using var waiting = decode.Call(cancel.Token);
            await running.RequestStream.WriteAsync(
                new DecodeCommand { Start = decode.Start(TestModel.Prompt(70, 100), 8000, isLocal: true, sampling: Endless) });
            await waiting.RequestStream.WriteAsync(new DecodeCommand { Start = decode.Start(TestModel.Prompt(71, 100), 8000) });
            Assert.True(await running.ResponseStream.MoveNext(cancel.Token));
            Assert.True(await running.ResponseStream.MoveNext(cancel.Token));

            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => running.ResponseStream.MoveNext(CancellationToken.None));
            await Assert.ThrowsAnyAsync<Exception>(() => waiting.ResponseStream.MoveNext(CancellationToken.None));

            // The worker serves on; stopping it waits for the calls that are left.
            Assert.Equal(5, (await decode.RunLocalAsync(decode.Start(TestModel.Prompt(72, 20), 5, isLocal: true, sampling: Endless))).TokenIds.Length);
            await cluster.StopAsync(decode.App);
        }

        Assert.Equal(baseline, SlabPool.Shared.RentedBytes);
        SlabPool.Shared.CheckIntegrity();
    }

    [Fact]
    public async Task Decode_GeneratedBlocks_ReachTheStore()
    {
        await using var cluster = await TestCluster.StartAsync("int8");
        var decode = await DecodeClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(73, 60);
        var answer = await decode.RunLocalAsync(decode.Start(prompt, 140, isLocal: true, sampling: Endless));
        await cluster.StopAsync(decode.App);

        int[] all = [.. prompt, .. answer.TokenIds];
        var ids = TestModel.Blocks(cluster.Model, all).BlockIds;
        var held = await cluster.Store.LookupAsync(new LookupRequest { BlockIds = { ids.ToByteStrings() } }).ResponseAsync.WaitAsync(TestCluster.Patience);

        Assert.Equal(3, held.HeldBlockCount);
    }

    [Fact]
    public async Task Decode_BadStarts_NameTheField()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var decode = await DecodeClient.StartAsync(cluster);
        var good = decode.Start(TestModel.Prompt(74, 100), 5, isLocal: true);
        async Task Check(StatusCode code, string field, Action<DecodeStart> change)
        {
            var bad = good.Clone();
            change(bad);
            var status = await decode.FailAsync(bad);
            Assert.Equal(code, status.StatusCode);
            Assert.Contains(field, status.Detail, StringComparison.Ordinal);
        }

        await Check(StatusCode.InvalidArgument, "token_ids", bad => bad.TokenIds.Clear());
        await Check(StatusCode.InvalidArgument, "token_ids[0]", bad => bad.TokenIds[0] = -1);
        await Check(StatusCode.InvalidArgument, "prompt_token_count", bad => bad.PromptTokenCount = 101);
        await Check(StatusCode.InvalidArgument, "prompt_token_count", bad => (bad.LocalPrefill, bad.PromptTokenCount) = (false, 50));
        await Check(StatusCode.InvalidArgument, "block_ids[0]", bad => bad.Tenant = "another");
        await Check(StatusCode.InvalidArgument, "sampling.max_tokens", bad => bad.Sampling.MaxTokens = 0);
        await Check(StatusCode.FailedPrecondition, "codec_fingerprint", bad => bad.CodecFingerprint++);
    }
}
