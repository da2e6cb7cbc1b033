using KvCluster.CommandLine.Serve;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>The same request gives the same tokens, whatever the cache held, whatever else runs, however the cluster is cut into processes.</summary>
public sealed class SameAnswerTests
{
    [Theory]
    [InlineData("raw")]
    [InlineData("int8")]
    [InlineData("int4")]
    public async Task Generate_ColdWarmBatchedAndAcrossFourProcesses_GivesTheSameTokens(string kvSpec)
    {
        string[] prompts = Prompts.Mixed();
        Answer[] cold;
        await using (TestCluster cluster = await TestCluster.StartAsync(kvSpec))
        {
            cold = await OneAfterAnotherAsync(cluster.Inference, prompts);
            Answer[] warm = await OneAfterAnotherAsync(cluster.Inference, prompts);
            Answer[] warmBatch = await Task.WhenAll(prompts.Select(prompt => cluster.Inference.AskAsync(prompt)));
            // Another tenant shares no block, so this batch is cold.
            Answer[] coldBatch = await Task.WhenAll(prompts.Select(prompt => cluster.Inference.AskAsync(prompt, tenant: "batch")));

            Assert.All(cold, answer => Assert.Equal(0, answer.Usage.CachedTokens));
            Assert.All(coldBatch, answer => Assert.Equal(0, answer.Usage.CachedTokens));
            Assert.All(warm, answer => Assert.Equal((answer.Usage.PromptTokens - 1) / 64 * 64, answer.Usage.CachedTokens));
            AssertSameTokens(cold, warm);
            AssertSameTokens(cold, warmBatch);
            AssertSameTokens(cold, coldBatch);
        }

        await using FourProcesses processes = await FourProcesses.StartAsync(kvSpec);
        AssertSameTokens(cold, await OneAfterAnotherAsync(processes.Inference, prompts));
        AssertSameTokens(cold, await Task.WhenAll(prompts.Select(prompt => processes.Inference.AskAsync(prompt))));
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("int8")]
    [InlineData("int4")]
    public async Task Generate_HandedOverDirectly_GivesTheTokensOfTheWayThroughTheStore(string kvSpec)
    {
        string[] prompts = Prompts.Mixed();
        Answer[] throughStore;
        await using (TestCluster cluster = await TestCluster.StartAsync(kvSpec))
        {
            throughStore = await OneAfterAnotherAsync(cluster.Inference, prompts);
            Assert.All(throughStore, answer => Assert.Equal(0, answer.Usage.KvBytesDirect));
        }

        await using (TestCluster cluster = await TestCluster.StartAsync(Direct(kvSpec)))
        {
            Answer[] cold = await OneAfterAnotherAsync(cluster.Inference, prompts);
            Answer[] warm = await OneAfterAnotherAsync(cluster.Inference, prompts);
            Answer[] warmBatch = await Task.WhenAll(prompts.Select(prompt => cluster.Inference.AskAsync(prompt)));
            Answer[] coldBatch = await Task.WhenAll(prompts.Select(prompt => cluster.Inference.AskAsync(prompt, tenant: "batch")));

            Assert.Contains(cold, answer => answer.Usage.KvBytesDirect > 0);
            Assert.All(cold, answer => Assert.Equal(answer.Usage.KvBytesReceived, answer.Usage.KvBytesDirect));
            AssertSameTokens(throughStore, cold);
            AssertSameTokens(throughStore, warm);
            AssertSameTokens(throughStore, warmBatch);
            AssertSameTokens(throughStore, coldBatch);
            await cluster.WaitUntilIdleAsync();
            cluster.MemoryTier.CheckIntegrity();
        }

        await using FourProcesses processes = await FourProcesses.StartAsync(kvSpec, "direct");
        Answer[] apart = await OneAfterAnotherAsync(processes.Inference, prompts);
        Assert.Contains(apart, answer => answer.Usage.KvBytesDirect > 0);
        AssertSameTokens(throughStore, apart);
        AssertSameTokens(throughStore, await Task.WhenAll(prompts.Select(prompt => processes.Inference.AskAsync(prompt))));
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    public async Task Generate_FollowUpOverGeneratedBlocks_EqualsAColdPrefillOfTheSameText(string kvSpec)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(kvSpec);
        string prompt = Prompts.Of("math_4shot");
        Answer first = await cluster.Inference.AskAsync(new V1.GenerateRequest
        {
            Text = prompt,
            Sampling = new V1.Sampling { Temperature = 0, MaxTokens = 150, IgnoreEos = true },
        });
        int[] longer = [.. (await cluster.Inference.TokenizeAsync(new V1.TokenizeRequest { Text = prompt }, cancellationToken: TestContext.Current.CancellationToken)).TokenIds, .. first.TokenIds];

        Answer warm = await Continue("");
        Answer cold = await Continue("cold");

        Assert.Equal(0, cold.Usage.CachedTokens);
        Assert.True(warm.Usage.CachedTokens > first.Usage.PromptTokens, $"blocks that decoding filled are reused: {warm.Usage.CachedTokens} cached");
        Assert.Equal(cold.TokenIds, warm.TokenIds);

        Task<Answer> Continue(string tenant) => cluster.Inference.AskAsync(new V1.GenerateRequest
        {
            TokenIds = new V1.TokenIds { Ids = { longer } },
            Tenant = tenant,
            Sampling = new V1.Sampling { Temperature = 0, MaxTokens = 32, IgnoreEos = true },
        });
    }

    private static ClusterOptions Direct(string kvSpec) =>
        new() { ModelFolder = RepositoryRoot.ModelFolder, KvSpec = kvSpec, HandOff = HandOffMode.Direct };

    private static async Task<Answer[]> OneAfterAnotherAsync(V1.Inference.InferenceClient client, string[] prompts)
    {
        List<Answer> answers = [];
        foreach (string prompt in prompts)
        {
            answers.Add(await client.AskAsync(prompt));
        }

        return [.. answers];
    }

    private static void AssertSameTokens(Answer[] expected, Answer[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i].TokenIds, actual[i].TokenIds);
            Assert.Equal(expected[i].Text, actual[i].Text);
        }
    }
}
