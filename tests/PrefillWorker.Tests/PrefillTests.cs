using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.Protocol;
using KvCluster.V1;
using KvCluster.Workers.Tests;

namespace KvCluster.PrefillWorker.Tests;

public sealed class PrefillTests
{
    private const int LayerCount = 8;

    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    public async Task Prefill_ColdThenWarm_ComputesAndSendsOnlyWhatIsNew(string kvSpec)
    {
        await using var cluster = await TestCluster.StartAsync(kvSpec);
        var worker = await PrefillClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(1, 300);
        var expected = TestOracle.Generate(cluster.Model, prompt, 1)[0];

        var cold = await worker.RunAsync(worker.Request(prompt));
        var afterCold = await cluster.StatAsync();
        var warm = await worker.RunAsync(worker.Request(prompt, cachedBlockCount: 4));
        var afterWarm = await cluster.StatAsync();

        Assert.Equal((expected, 0, 300), (cold.FirstToken.TokenId, cold.FirstToken.CachedTokens, cold.FirstToken.ComputedTokens));
        Assert.Equal(5 * LayerCount, cold.Done.SlabsSent);
        Assert.Equal(cold.Done.KvBytesSent, afterCold.PutBytes);
        Assert.Equal((expected, 256, 44), (warm.FirstToken.TokenId, warm.FirstToken.CachedTokens, warm.FirstToken.ComputedTokens));
        Assert.Equal(LayerCount, warm.Done.SlabsSent);
        Assert.Equal(4 * LayerCount, afterWarm.GetSlabs - afterCold.GetSlabs);
        Assert.Equal(0, warm.Done.RefusedSlabs);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Prefill_AShardHasNoAddress_FailsAndFreesEverySlab(bool isDirect)
    {
        var baseline = SlabPool.Shared.RentedBytes;
        await using (var cluster = await TestCluster.StartAsync("int4"))
        {
            cluster.Membership.StoreAddress = "nowhere";
            var worker = await PrefillClient.StartAsync(cluster);
            PrefillRequest request = worker.Request(TestModel.Prompt(5, isDirect ? 40 : 300));
            if (isDirect)
            {
                // The decode worker is away too: all layers of the Tail are for the store.
                (request.DirectAddress, request.HandOverId) = ("http://127.0.0.1:1", new BlockId(9).ToByteString());
            }

            Assert.Equal(StatusCode.Unknown, (await Assert.ThrowsAsync<RpcException>(() => worker.RunAsync(request))).StatusCode);
            await cluster.StopAsync(worker.App);
        }

        Assert.Equal(baseline, SlabPool.Shared.RentedBytes);
        SlabPool.Shared.CheckIntegrity();
    }

    [Fact]
    public async Task Prefill_PromptOfWholeBlocksAllCached_ComputesTheLastBlockOnly()
    {
        await using var cluster = await TestCluster.StartAsync("int8");
        var worker = await PrefillClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(2, 128);

        var cold = await worker.RunAsync(worker.Request(prompt));
        var warm = await worker.RunAsync(worker.Request(prompt, cachedBlockCount: 2));

        Assert.Equal(cold.FirstToken.TokenId, warm.FirstToken.TokenId);
        Assert.Equal(64, warm.FirstToken.ComputedTokens);
    }

    [Fact]
    public async Task Prefill_TenantsOverTheirQuota_EvictTheirOwnBlocks()
    {
        // Room for two blocks of int4 a tenant.
        await using var cluster = await TestCluster.StartAsync("int4", new KeyValuePair<string, string?>("KvStore:OwnerQuotaBytes", "600000"));
        var worker = await PrefillClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(4, 320);
        await worker.RunAsync(worker.Request(prompt));
        var afterOne = await cluster.StatAsync();
        var others = new SequenceBlocks(
            BlockIdChain.Root("other", cluster.Model.Fingerprint, cluster.Model.Codec.Fingerprint), prompt, hasTail: false);
        var request = worker.Request(prompt);
        request.Tenant = "other";
        request.BlockIds.Clear();
        request.BlockIds.AddRange(others.BlockIds.ToByteStrings());
        await worker.RunAsync(request);
        var afterBoth = await cluster.StatAsync();

        Assert.Equal((2L, 3L, 0L), (afterOne.BlockCount, afterOne.OverQuotaBlocks, afterOne.EvictedBlocks));
        Assert.Equal((4L, 6L, 0L), (afterBoth.BlockCount, afterBoth.OverQuotaBlocks, afterBoth.EvictedBlocks));
    }

    [Fact]
    public async Task Prefill_ManyAtOnce_SameTokensAsAlone()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var worker = await PrefillClient.StartAsync(cluster, options => options.KvChunkTokens = 192);
        int[][] prompts = [.. Enumerable.Range(0, 8).Select(i => TestModel.Prompt(10 + i, 20 + (i * 61)))];
        var expected = prompts.Select(prompt => TestOracle.Generate(cluster.Model, prompt, 1)[0]);

        var results = await Task.WhenAll(prompts.Select(prompt => worker.RunAsync(worker.Request(prompt))));

        Assert.Equal(expected, results.Select(result => result.FirstToken.TokenId));
    }

    [Fact]
    public async Task Prefill_CachedSlabOfAnotherPosition_RefusedDroppedAndComputedAgain()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var worker = await PrefillClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(3, 200);
        var expected = TestOracle.Generate(cluster.Model, prompt, 1)[0];
        var blocks = TestModel.Blocks(cluster.Model, prompt);
        await worker.RunAsync(worker.Request(prompt));
        await cluster.Store.DropAsync(new DropRequest { BlockIds = { blocks.BlockIds[1].ToByteString() }, Reason = "test" });
        await BadSlabs.PutAsync(cluster, blocks.BlockIds[1], firstPosition: 640);

        var result = await worker.RunAsync(worker.Request(prompt, cachedBlockCount: 3));
        var again = await worker.RunAsync(worker.Request(prompt, cachedBlockCount: 3));

        Assert.Equal((expected, 64, 136), (result.FirstToken.TokenId, result.FirstToken.CachedTokens, result.FirstToken.ComputedTokens));
        Assert.True(result.Done.RefusedSlabs > 0);
        Assert.Equal((expected, 192, 0), (again.FirstToken.TokenId, again.FirstToken.CachedTokens, again.Done.RefusedSlabs));
    }

    [Fact]
    public async Task Prefill_CachedBlocksGone_ComputesThem()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var worker = await PrefillClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(4, 200);

        var result = await worker.RunAsync(worker.Request(prompt, cachedBlockCount: 3));

        Assert.Equal((0, 200), (result.FirstToken.CachedTokens, result.FirstToken.ComputedTokens));
        Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 1)[0], result.FirstToken.TokenId);
    }

    [Fact]
    public async Task Prefill_StoreLost_StillGivesTheFirstTokenThenUnavailable()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        cluster.Membership.StoreAddress = "http://127.0.0.1:1";
        var worker = await PrefillClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(5, 100);
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var call = worker.Client.Prefill(worker.Request(prompt), cancellationToken: patience.Token);

        Assert.True(await call.ResponseStream.MoveNext(patience.Token));
        var firstToken = call.ResponseStream.Current.FirstToken;
        var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(patience.Token));

        Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 1)[0], firstToken.TokenId);
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
    }

    [Fact]
    public async Task Prefill_ForcedTokenWithLogprobs_TakesIt()
    {
        await using var cluster = await TestCluster.StartAsync("raw");
        var worker = await PrefillClient.StartAsync(cluster);
        var sampling = new Sampling { Temperature = 0, Logprobs = 3, ForcedTokenIds = { 777, 778 } };

        var result = await worker.RunAsync(worker.Request(TestModel.Prompt(6, 10), sampling: sampling));

        Assert.Equal((777, 777), (result.FirstToken.TokenId, result.FirstToken.Logprob.TokenId));
        Assert.Equal(3, result.FirstToken.Logprob.Top.Count);
        Assert.True(result.FirstToken.Logprob.Logprob < result.FirstToken.Logprob.Top[2].Logprob);
    }

    [Fact]
    public async Task Prefill_Cancelled_EverythingIsFreed()
    {
        var baseline = SlabPool.Shared.RentedBytes;
        await using (var cluster = await TestCluster.StartAsync("int4"))
        {
            var worker = await PrefillClient.StartAsync(cluster, options => options.KvChunkTokens = 64);
            using var cancel = new CancellationTokenSource();
            using var call = worker.Client.Prefill(worker.Request(TestModel.Prompt(7, 6000)), cancellationToken: cancel.Token);
            using var patience = new CancellationTokenSource(TestCluster.Patience);
            while ((await cluster.StatAsync()).PutSlabs == 0)
            {
                patience.Token.ThrowIfCancellationRequested();
            }

            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => call.ResponseStream.MoveNext(CancellationToken.None));

            // The worker serves on, and lets no call out that holds anything.
            var next = await worker.RunAsync(worker.Request(TestModel.Prompt(8, 70)));
            Assert.Equal(70, next.FirstToken.ComputedTokens);
            await cluster.StopAsync(worker.App);
        }

        Assert.Equal(baseline, SlabPool.Shared.RentedBytes);
        SlabPool.Shared.CheckIntegrity();
    }

    [Fact]
    public async Task Prefill_BadRequests_NameTheField()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var worker = await PrefillClient.StartAsync(cluster, options => options.KvBudgetBytes = 8 << 20);
        var good = worker.Request(TestModel.Prompt(9, 100));
        async Task Check(StatusCode code, string field, Action<PrefillRequest> change)
        {
            var bad = good.Clone();
            change(bad);
            var status = await worker.FailAsync(bad);
            Assert.Equal(code, status.StatusCode);
            Assert.Contains(field, status.Detail, StringComparison.Ordinal);
        }

        await Check(StatusCode.InvalidArgument, "token_ids", bad => bad.TokenIds.Clear());
        await Check(StatusCode.InvalidArgument, "token_ids[3]", bad => bad.TokenIds[3] = 4096);
        await Check(StatusCode.InvalidArgument, "block_ids", bad => bad.BlockIds.Clear());
        await Check(StatusCode.InvalidArgument, "block_ids[0]", bad => bad.Tenant = "another");
        await Check(StatusCode.InvalidArgument, "tail_id", bad => bad.TailId = bad.BlockIds[0]);
        await Check(StatusCode.InvalidArgument, "cached_block_count", bad => bad.CachedBlockCount = 2);
        await Check(StatusCode.InvalidArgument, "sampling.top_p", bad => bad.Sampling.TopP = 2);
        await Check(StatusCode.InvalidArgument, "sampling.forced_token_ids[0]", bad => bad.Sampling.ForcedTokenIds.Add(-1));
        await Check(StatusCode.FailedPrecondition, "model_fingerprint", bad => bad.ModelFingerprint++);
        await Check(StatusCode.FailedPrecondition, "codec_fingerprint", bad => bad.CodecFingerprint++);
        Assert.Equal(StatusCode.ResourceExhausted, (await worker.FailAsync(worker.Request(TestModel.Prompt(9, 4000)))).StatusCode);
    }
}
