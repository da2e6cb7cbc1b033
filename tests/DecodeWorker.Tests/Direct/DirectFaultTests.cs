using KvCluster.Compression.Blocks;
using KvCluster.DecodeWorker.Direct;
using KvCluster.Workers.Tests;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.DecodeWorker.Tests.Direct;

/// <summary>What goes wrong on the way from a prefill to a decode worker costs time, never a token, a slab or a request.</summary>
[Collection("cluster")]
public sealed class DirectFaultTests
{
    private const int PromptLength = 330;

    /// <summary>At least what such a prompt sends straight: 5 Blocks of int4.</summary>
    private const int LeastBytes = 5 * 8 * 30_000;

    [Theory]
    [InlineData("raw", 15)]
    [InlineData("int4", 60)]
    public async Task Decode_BitsFlipOnTheWay_AreRefusedAndTheTokensAreTheSame(string kvSpec, int flipCount)
    {
        var baseline = SlabPool.Shared.RentedBytes;
        await using (var cluster = await TestCluster.StartAsync(kvSpec))
        {
            await using var link = new SlabLink();
            var prefill = await PrefillClient.StartAsync(cluster);
            var decode = await StartOverAsync(cluster, link);
            await UntilOverTheLinkAsync(cluster, prefill, decode, link);
            var random = new Random(150);
            int refusedCount = 0, directCount = 0, computedCount = 0;
            for (var i = 0; i < flipCount; i++)
            {
                // A third hits the first frames, where worker id, epoch and hand-over are said.
                var target = link.ByteCount + random.Next(i % 3 == 0 ? 300 : LeastBytes);
                var bit = (byte)(1 << random.Next(8));
                link.Damage = (bytes, before) =>
                {
                    if (target >= before && target < before + bytes.Length)
                    {
                        bytes.Span[(int)(target - before)] ^= bit;
                    }
                };
                var prompt = TestModel.Prompt(1000 + i, PromptLength);
                var answer = await decode.RunAsync(prefill, prompt, 3, isDirect: true);

                Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 3), answer.TokenIds);
                refusedCount += answer.Ready.RefusedSlabs;
                directCount += answer.Ready.DirectKvBytesReceived == answer.Ready.KvBytesReceived ? 1 : 0;
                computedCount += answer.Ready.ComputedTokens > 0 ? 1 : 0;
            }

            link.Damage = null;
            Assert.True(refusedCount >= flipCount / 3, $"{refusedCount} slabs refused of {flipCount} flips");
            Assert.True(directCount <= flipCount / 3, $"{directCount} of {flipCount} damaged hand-overs were taken for whole");
            Assert.Equal(0, (await cluster.StatAsync()).CorruptSlabs);
            Assert.Equal(0, decode.App.Services.GetRequiredService<DirectHandOvers>().OpenCount);

            // Nobody was locked out by a number that changed.
            await UntilOverTheLinkAsync(cluster, prefill, decode, link);
            await cluster.StopAsync(decode.App);
            await cluster.StopAsync(prefill.App);
        }

        Assert.Equal(baseline, SlabPool.Shared.RentedBytes);
        SlabPool.Shared.CheckIntegrity();
    }

    [Fact]
    public async Task Decode_LinkCutInMidTransfer_ReadsTheRestFromTheStore()
    {
        await using var cluster = await TestCluster.StartAsync("raw");
        await using var link = new SlabLink();
        var prefill = await PrefillClient.StartAsync(cluster, options => options.KvChunkTokens = 64);
        var decode = await StartOverAsync(cluster, link);
        await UntilOverTheLinkAsync(cluster, prefill, decode, link);
        var prompt = TestModel.Prompt(151, 1000);
        var before = link.ByteCount;
        link.Damage = (_, sent) =>
        {
            if (sent > before + (3 << 20))
            {
                link.Cut();
            }
        };

        var answer = await decode.RunAsync(prefill, prompt, 10, isDirect: true);

        Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 10), answer.TokenIds);
        Assert.InRange(answer.Ready.DirectKvBytesReceived, 1, answer.Ready.KvBytesReceived - 1);
        Assert.True((await cluster.StatAsync()).GetSlabs > 0);
    }

    [Fact]
    public async Task Decode_LinkStalls_IsLateAndReadsFromTheStore()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        await using var link = new SlabLink();
        var prefill = await PrefillClient.StartAsync(cluster);
        var decode = await StartOverAsync(cluster, link);
        await UntilOverTheLinkAsync(cluster, prefill, decode, link);
        var prompt = TestModel.Prompt(152, PromptLength);
        link.Hold();

        var answer = await decode.RunAsync(prefill, prompt, 10, isDirect: true);
        link.Release();

        Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 10), answer.TokenIds);
        Assert.Equal(0, answer.Ready.DirectKvBytesReceived);
        Assert.True(answer.Ready.KvTokensReceived >= PromptLength / 64 * 64);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancelled_InMidTransfer_BothSidesAreFreedAndServeOn(bool isDecodeCancelled)
    {
        var baseline = SlabPool.Shared.RentedBytes;
        await using (var cluster = await TestCluster.StartAsync("int4"))
        {
            await using var link = new SlabLink();
            var prefill = await PrefillClient.StartAsync(cluster, options => options.KvChunkTokens = 64);
            var decode = await StartOverAsync(cluster, link);
            await UntilOverTheLinkAsync(cluster, prefill, decode, link);
            using var patience = new CancellationTokenSource(TestCluster.Patience);
            for (var round = 0; round < 5; round++)
            {
                using var cancel = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
                var prompt = TestModel.Prompt(160 + round, 1200);
                var cutAt = link.ByteCount + 10_000 + (round * 200_000);
                link.Damage = (bytes, before) =>
                {
                    if (before + bytes.Length > cutAt)
                    {
                        link.Damage = null;
                        cancel.Cancel();
                    }
                };
                var running = decode.RunAsync(
                    prefill,
                    decode.StartWith(prompt, 5, isDirect: true),
                    prefillToken: isDecodeCancelled ? patience.Token : cancel.Token,
                    cancellationToken: isDecodeCancelled ? cancel.Token : patience.Token);
                if (isDecodeCancelled)
                {
                    await Assert.ThrowsAnyAsync<Exception>(() => running);
                }
                else
                {
                    Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 5), (await running).TokenIds);
                }
            }

            var next = TestModel.Prompt(170, 200);
            Assert.Equal(TestOracle.Generate(cluster.Model, next, 5), (await decode.RunAsync(prefill, next, 5, isDirect: true)).TokenIds);
            Assert.Equal(0, decode.App.Services.GetRequiredService<DirectHandOvers>().OpenCount);
            await cluster.StopAsync(decode.App);
            await cluster.StopAsync(prefill.App);
        }

        Assert.Equal(baseline, SlabPool.Shared.RentedBytes);
        SlabPool.Shared.CheckIntegrity();
    }

    private static Task<DecodeClient> StartOverAsync(TestCluster cluster, SlabLink link) =>
        DecodeClient.StartAsync(cluster, options => (options.SlabPort, options.AdvertisedSlabPort) = (link.TargetPort, link.Port));

    /// <summary>Connections are opened in the background; until there is one, calls go over gRPC.</summary>
    private static async Task UntilOverTheLinkAsync(TestCluster cluster, PrefillClient prefill, DecodeClient decode, SlabLink link)
    {
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        for (var (seed, before) = (9000, link.ByteCount); link.ByteCount - before < LeastBytes / 8; seed++)
        {
            var prompt = TestModel.Prompt(seed, 90);
            var answer = await decode.RunAsync(prefill, decode.StartWith(prompt, 2, isDirect: true), patience.Token, patience.Token);
            Assert.Equal(TestOracle.Generate(cluster.Model, prompt, 2), answer.TokenIds);
        }
    }
}
