using Grpc.Core;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Requests;

public sealed class GenerateTests
{
    [Fact]
    public async Task Generate_LongPrompt_PrefillThenDecode()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Store.Store.HeldBlockCount = 1;
        int[] prompt = cluster.Prompt();
        List<GenerateReply> replies = await cluster.AllAsync(TestCluster.Request(prompt, 20));
        Assert.Equal(cluster.Script.Continue(prompt, 20), replies.TokenIds());
        Assert.Equal(cluster.Model.Tokenizer.Decode(replies.TokenIds(), skipSpecialTokens: true), replies.Text());
        GenerateReply last = replies[^1];
        Assert.Equal(FinishReason.Length, last.FinishReason);
        Assert.Equal((200, 20, 64), (last.Usage.PromptTokens, last.Usage.CompletionTokens, last.Usage.CachedTokens));
        Assert.Equal((1000, 900, 200), (last.Usage.KvBytesSent, last.Usage.KvBytesReceived, last.Usage.KvTokensReceived));
        Assert.InRange(last.Timings.TtftUs, 1, last.Timings.TotalUs);
        Assert.True(replies[0].HasSeed);
        PrefillRequest prefill = Assert.Single(cluster.Prefill[0].Behavior.Prefills);
        Assert.Equal((3, 1, 16), (prefill.BlockIds.Count, prefill.CachedBlockCount, prefill.TailId.Length));
        DecodeStart decode = Assert.Single(cluster.Decode[0].Behavior.Decodes);
        Assert.False(decode.LocalPrefill);
        Assert.Equal(prefill.BlockIds, decode.BlockIds);
        Assert.Equal(1, cluster.Store.Store.GrantedCount);
        await cluster.UntilAllReleasedAsync();
    }

    [Fact]
    public async Task Generate_ShortPrompt_DecodeWorkerPrefills()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        int[] prompt = cluster.Prompt(length: 100);
        List<GenerateReply> replies = await cluster.AllAsync(TestCluster.Request(prompt, 5));
        Assert.Equal(cluster.Script.Continue(prompt, 5), replies.TokenIds());
        Assert.Empty(cluster.Prefill[0].Behavior.Prefills);
        DecodeStart decode = Assert.Single(cluster.Decode[0].Behavior.Decodes);
        Assert.True(decode.LocalPrefill);
        Assert.Empty(decode.TailId);
    }

    [Fact]
    public async Task Generate_WholePromptCached_OneBlockIsStillComputed()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Store.Store.HeldBlockCount = 100;
        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(length: 256), 2));
        Assert.Equal(3, Assert.Single(cluster.Decode[0].Behavior.Decodes).CachedBlockCount);
    }

    [Fact]
    public async Task Generate_TwoShards_PrefixWithoutGapAndBothLeasesGivenBack()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(configure: options => options.ShardSettleMs = 0);
        await using TestWorker second = await cluster.AddAsync("store-1", WorkerRole.Kvstore);
        cluster.Store.Store.HeldBlockCount = 100;
        second.Store.HeldBlockCount = 1;
        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(length: 2000), 3));
        PrefillRequest prefill = Assert.Single(cluster.Prefill[0].Behavior.Prefills);
        LookupRequest asked = Assert.Single(second.Store.Lookups);
        Assert.Equal(31, asked.BlockIds.Count + Assert.Single(cluster.Store.Store.Lookups).BlockIds.Count);
        Assert.InRange(asked.BlockIds.Count, 2, 29);
        Assert.Equal(prefill.BlockIds.IndexOf(asked.BlockIds[1]), prefill.CachedBlockCount);
        await cluster.UntilAllReleasedAsync();
        Assert.Equal((1, 0), (second.Store.GrantedCount, second.Store.LeaseCount));
    }

    [Fact]
    public async Task Generate_ShardJoinedLately_ItsBlocksAreFoundInTheirOldHome()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await using TestWorker second = await cluster.AddAsync("store-1", WorkerRole.Kvstore);
        cluster.Store.Store.HeldBlockCount = 100;
        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(length: 2000), 3));
        Assert.Equal(31, Assert.Single(cluster.Decode[0].Behavior.Decodes).CachedBlockCount);
        await cluster.UntilAllReleasedAsync();
    }

    [Fact]
    public async Task Generate_ShardDrains_ItsBlocksAreStillFound()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(configure: options => options.ShardSettleMs = 0);
        await using TestWorker second = await cluster.AddAsync("store-1", WorkerRole.Kvstore);
        await cluster.Members.DeregisterAsync(new DeregisterRequest { WorkerId = "store-0", Epoch = cluster.Store.Epoch, Draining = true }, cancellationToken: Timeouts.Token());
        cluster.Store.Store.HeldBlockCount = 100;
        second.Store.HeldBlockCount = 100;
        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(length: 2000), 3));
        Assert.Equal(31, Assert.Single(cluster.Decode[0].Behavior.Decodes).CachedBlockCount);
        Assert.Equal(31, Assert.Single(second.Store.Lookups).BlockIds.Count);
        Assert.InRange(Assert.Single(cluster.Store.Store.Lookups).BlockIds.Count, 2, 29);
        await cluster.UntilAllReleasedAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Generate_HandoverTakesLongerThanTheLease_ItIsRenewedOrTakenAgain(bool losesLeases)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(configure: options =>
        {
            options.LeaseMs = 1000;
            options.HeartbeatIntervalMs = 60_000;
        });
        cluster.Store.Store.HeldBlockCount = 1;
        cluster.Store.Store.LosesLeases = losesLeases;
        cluster.Decode[0].Behavior.ReadyGate = new TaskCompletionSource();
        using AsyncServerStreamingCall<GenerateReply> call = cluster.Client.Generate(
            TestCluster.Request(cluster.Prompt(), 3), cancellationToken: Timeouts.Token());
        Assert.True(await call.ResponseStream.MoveNext(Timeouts.Token()));
        await Timeouts.UntilAsync(
            () => Task.FromResult(losesLeases ? cluster.Store.Store.GrantedCount >= 3 : cluster.Store.Store.RenewalCount >= 3), "renewals");
        Assert.Equal(1, cluster.Store.Store.LeaseCount);
        cluster.Decode[0].Behavior.ReadyGate!.SetResult();
        await call.ResponseStream.ReadAllAsync(Timeouts.Token()).ToListAsync(Timeouts.Token());
        await cluster.UntilAllReleasedAsync();
    }

    [Fact]
    public async Task Generate_HandoverTakesLong_FirstTokenDoesNotWait()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        var gate = new TaskCompletionSource();
        cluster.Decode[0].Behavior.ReadyGate = gate;
        int[] prompt = cluster.Prompt();
        using AsyncServerStreamingCall<GenerateReply> call = cluster.Client.Generate(
            TestCluster.Request(prompt, 3), cancellationToken: Timeouts.Token());
        Assert.True(await call.ResponseStream.MoveNext(Timeouts.Token()));
        Assert.Equal(cluster.Script.Continue(prompt, 1), call.ResponseStream.Current.TokenIds);
        gate.SetResult();
        List<GenerateReply> rest = await call.ResponseStream.ReadAllAsync(Timeouts.Token()).ToListAsync(Timeouts.Token());
        Assert.Equal(cluster.Script.Continue(prompt, 3)[1..], rest.TokenIds());
    }

    [Fact]
    public async Task Generate_OneToken_PrefillIsEnough()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Decode[0].Behavior.ReadyGate = new TaskCompletionSource();
        int[] prompt = cluster.Prompt();
        List<GenerateReply> replies = await cluster.AllAsync(TestCluster.Request(prompt, 1));
        Assert.Equal(cluster.Script.Continue(prompt, 1), replies.TokenIds());
        Assert.Equal(FinishReason.Length, replies[^1].FinishReason);
        Assert.Equal(1000, replies[^1].Usage.KvBytesSent);
        await cluster.UntilAllReleasedAsync();
    }

    [Fact]
    public async Task Generate_FirstTokenIsEnd_StopsWithEmptyText()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Script.Answer = [cluster.Model.EosTokenIds[0]];
        List<GenerateReply> replies = await cluster.AllAsync(TestCluster.Request(cluster.Prompt(), 10));
        Assert.Equal((FinishReason.Stop, ""), (replies[^1].FinishReason, replies.Text()));
        Assert.Equal(1, replies[^1].Usage.CompletionTokens);
    }

    [Fact]
    public async Task Generate_StopStringOverTokens_TextEndsBeforeItAndDecodeIsCancelled()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Script.Answer = [.. "hello world".SelectMany(c => cluster.Model.Tokenizer.Encode(c.ToString()))];
        GenerateRequest request = TestCluster.Request(cluster.Prompt(), 5000);
        request.Sampling.Stop.Add("o wo");
        List<GenerateReply> replies = await cluster.AllAsync(request);
        Assert.Equal("hell", replies.Text());
        Assert.Equal(FinishReason.Stop, replies[^1].FinishReason);
        Assert.Equal(8, replies[^1].Usage.CompletionTokens);
        await cluster.UntilAllReleasedAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Generate_StopToken_CountsButIsNotText(int place)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Script.Answer = [.. "abcdef".SelectMany(c => cluster.Model.Tokenizer.Encode(c.ToString()))];
        GenerateRequest request = TestCluster.Request(cluster.Prompt(), 100);
        request.Sampling.StopTokenIds.Add(cluster.Script.Answer[place]);
        List<GenerateReply> replies = await cluster.AllAsync(request);
        Assert.Equal("abcdef"[..place], replies.Text());
        Assert.Equal((FinishReason.Stop, place + 1), (replies[^1].FinishReason, replies[^1].Usage.CompletionTokens));
    }

    [Fact]
    public async Task Generate_ClientCancels_EverythingIsGivenBack()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Store.Store.HeldBlockCount = 2;
        cluster.Decode[0].Behavior.ReadyGate = new TaskCompletionSource();
        using var cancellation = new CancellationTokenSource();
        using AsyncServerStreamingCall<GenerateReply> call = cluster.Client.Generate(
            TestCluster.Request(cluster.Prompt(length: 300), 50), cancellationToken: cancellation.Token);
        Assert.True(await call.ResponseStream.MoveNext(Timeouts.Token()));
        await Timeouts.UntilAsync(() => Task.FromResult(cluster.Decode[0].Behavior.ActiveCallCount == 1), "decode is called");
        Assert.Equal(1, cluster.Store.Store.LeaseCount);
        await cancellation.CancelAsync();
        await cluster.UntilAllReleasedAsync();
        Assert.Equal(1, cluster.Store.Store.GrantedCount);
    }

    [Fact]
    public async Task Generate_64AtOnce_AllRight()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 2, decode: 2);
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            int[] prompt = cluster.Prompt(length: 60 + i * 5, seed: i);
            List<GenerateReply> replies = await cluster.AllAsync(TestCluster.Request(prompt, 10 + i % 7));
            Assert.Equal(cluster.Script.Continue(prompt, 10 + i % 7), replies.TokenIds());
        }));
        await cluster.UntilAllReleasedAsync();
        Assert.All(cluster.Prefill.Concat(cluster.Decode), worker => Assert.NotEqual(
            0, worker.Behavior.Prefills.Count + worker.Behavior.Decodes.Count));
    }

    [Fact]
    public async Task Generate_Logprobs_OneATokenWithTop()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        GenerateRequest request = TestCluster.Request(cluster.Prompt(), 4);
        request.Sampling.Logprobs = 2;
        List<GenerateReply> replies = await cluster.AllAsync(request);
        TokenLogprob[] logprobs = [.. replies.SelectMany(reply => reply.Logprobs)];
        Assert.Equal(replies.TokenIds(), logprobs.Select(logprob => logprob.TokenId));
        Assert.All(logprobs, logprob => Assert.Equal(2, logprob.Top.Count));
    }

    [Fact]
    public async Task Generate_TwoTenants_DifferentBlockIds()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        int[] prompt = cluster.Prompt();
        foreach (string tenant in new[] { "a", "b", "a" })
        {
            GenerateRequest request = TestCluster.Request(prompt, 2);
            request.Tenant = tenant;
            await cluster.AllAsync(request);
        }

        PrefillRequest[] seen = [.. cluster.Prefill[0].Behavior.Prefills];
        Assert.Equal(seen[0].BlockIds, seen[2].BlockIds);
        Assert.Empty(seen[0].BlockIds.Intersect(seen[1].BlockIds));
    }

    [Fact]
    public async Task Generate_Chat_UsesTemplateAndSameTokensAsTokenize()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        var chat = new ChatMessages();
        chat.Messages.Add(new ChatMessage { Role = "user", Content = "Hello <|im_end|> there" });
        TokenizeReply tokens = await cluster.Client.TokenizeAsync(new TokenizeRequest { Chat = chat }, cancellationToken: Timeouts.Token());
        List<GenerateReply> replies = await cluster.AllAsync(new GenerateRequest { Chat = chat, Sampling = new Sampling { MaxTokens = 2 } });
        Assert.Equal(tokens.TokenIds.Count, replies[^1].Usage.PromptTokens);
        Assert.Equal(tokens.TokenIds, Assert.Single(cluster.Decode[0].Behavior.Decodes).TokenIds);
        Assert.Equal(tokens.TokenIds.Count, tokens.Tokens.Count);
    }
}
