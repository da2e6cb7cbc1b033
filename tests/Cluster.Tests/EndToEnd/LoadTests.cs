namespace KvCluster.Cluster.Tests.EndToEnd;

public sealed class LoadTests
{
    [Fact]
    public async Task Generate_ThirtyTwoClientsAtOnce_NoneFailsAndEachGetsItsOwnAnswer()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        string[] prompts = [.. Enumerable.Range(0, 4).SelectMany(i => Prompts.Mixed(2 * i))];
        Assert.Equal(32, prompts.Length);

        Answer[] together = await Task.WhenAll(prompts.Select(prompt => cluster.Inference.AskAsync(prompt, maxTokens: 24)));

        for (int i = 0; i < prompts.Length; i += 5)
        {
            Answer alone = await cluster.Inference.AskAsync(prompts[i], maxTokens: 24, tenant: "alone");
            Assert.Equal(alone.TokenIds, together[i].TokenIds);
        }
    }

    [Fact]
    public async Task Generate_ClientsThatDisconnect_LeaveNothingBehind()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        await cluster.Inference.AskAsync(Prompts.Of("math_0shot"), maxTokens: 2);

        for (int i = 0; i < 8; i++)
        {
            using Grpc.Core.AsyncServerStreamingCall<V1.GenerateReply> call = cluster.Inference.Generate(new V1.GenerateRequest
            {
                Text = Prompts.Of("lookup_60", i),
                Sampling = new V1.Sampling { Temperature = 0, MaxTokens = 4000, IgnoreEos = true },
            }, cancellationToken: TestContext.Current.CancellationToken);
            // Half go before the first token, half while tokens flow.
            if (i % 2 == 0)
            {
                await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken);
            }
        }

        await cluster.WaitUntilIdleAsync();
        V1.StatReply stat = await cluster.StatAsync();
        Assert.Equal(0, stat.LeasedBlockCount);
        Assert.Equal(0, stat.PendingBlockCount);
        Assert.Equal(0, stat.WaitingReaderCount);
    }
}
