using KvCluster.CommandLine.Serve;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>The KV of a prompt really travels as slabs through the store, and only what is new travels.</summary>
public sealed class BytesMovedTests
{
    private const int LayerCount = 8;
    private const int BlockTokenCount = 64;

    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    public async Task Generate_ColdPrompt_MovesEverySlabThroughTheStore(string kvSpec)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(kvSpec);

        Answer answer = await cluster.Inference.AskAsync(Prompts.Of("line_retrieval_80"), maxTokens: 8);

        V1.StatReply stat = await cluster.StatAsync();
        int blocks = answer.Usage.PromptTokens / BlockTokenCount;
        int tail = answer.Usage.PromptTokens % BlockTokenCount == 0 ? 0 : 1;
        Assert.Equal((blocks + tail) * LayerCount, stat.PutSlabs);
        Assert.Equal((blocks + tail) * LayerCount, stat.GetSlabs);
        Assert.Equal(answer.Usage.PromptTokens, answer.Usage.KvTokensReceived);
        Assert.Equal(stat.PutBytes, answer.Usage.KvBytesSent);
        Assert.Equal(stat.GetBytes, answer.Usage.KvBytesReceived);
        Assert.Equal(blocks, stat.BlockCount);
        Assert.Equal(0, stat.LeasedBlockCount);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    public async Task Generate_HandedOverDirectly_ReadsNothingButThePrefixFromTheStore(string kvSpec)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            new ClusterOptions { ModelFolder = RepositoryRoot.ModelFolder, KvSpec = kvSpec, HandOff = HandOffMode.Direct, HandOverQuietMs = 20_000 });
        string prefix = Prompts.Of("line_retrieval_80");

        Answer cold = await cluster.Inference.AskAsync(prefix, maxTokens: 8);
        V1.StatReply afterCold = await cluster.StatAsync();
        Answer warm = await cluster.Inference.AskAsync(prefix + Prompts.Of("line_retrieval_20"), maxTokens: 4);
        V1.StatReply afterWarm = await cluster.StatAsync();

        // Behind, the store gets every Block; the Tail it does not need.
        int blocks = cold.Usage.PromptTokens / BlockTokenCount;
        Assert.Equal((blocks * LayerCount, 0L), (afterCold.PutSlabs, afterCold.GetSlabs));
        Assert.Equal(cold.Usage.PromptTokens, cold.Usage.KvTokensReceived);
        Assert.Equal(cold.Usage.KvBytesReceived, cold.Usage.KvBytesDirect);
        Assert.Equal(afterCold.PutBytes, cold.Usage.KvBytesSent);
        Assert.Equal(blocks * BlockTokenCount, warm.Usage.CachedTokens);
        Assert.Equal(2L * blocks * LayerCount, afterWarm.GetSlabs);
        Assert.Equal(afterWarm.GetBytes / 2, warm.Usage.KvBytesReceived - warm.Usage.KvBytesDirect);
        Assert.Equal(0, afterWarm.LeasedBlockCount);
    }

    [Fact]
    public async Task Generate_WarmPrompt_SendsAndComputesOnlyWhatIsNew()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        string prefix = Prompts.Of("line_retrieval_80");
        Answer cold = await cluster.Inference.AskAsync(prefix, maxTokens: 4);
        V1.StatReply before = await cluster.StatAsync();

        // A second, longer prompt: the whole first one and 300 tokens more of the same kind.
        Answer warm = await cluster.Inference.AskAsync(prefix + Prompts.Of("line_retrieval_20"), maxTokens: 4);

        V1.StatReply after = await cluster.StatAsync();
        int sharedBlocks = cold.Usage.PromptTokens / BlockTokenCount;
        int blocks = warm.Usage.PromptTokens / BlockTokenCount;
        Assert.Equal(sharedBlocks * BlockTokenCount, warm.Usage.CachedTokens);
        int newBlocks = blocks - sharedBlocks + (warm.Usage.PromptTokens % BlockTokenCount == 0 ? 0 : 1);
        Assert.Equal(newBlocks * LayerCount, after.PutSlabs - before.PutSlabs);
        Assert.Equal(after.PutBytes - before.PutBytes, warm.Usage.KvBytesSent);
        Assert.True(warm.Usage.KvBytesSent < cold.Usage.KvBytesSent / 2, $"{warm.Usage.KvBytesSent} bytes against {cold.Usage.KvBytesSent}");
    }

    [Fact]
    public async Task Generate_Int4_MovesLessThanAThirdOfRaw()
    {
        long[] bytes = new long[2];
        string[] specs = ["raw", "int4"];
        for (int i = 0; i < specs.Length; i++)
        {
            await using TestCluster cluster = await TestCluster.StartAsync(specs[i]);
            bytes[i] = (await cluster.Inference.AskAsync(Prompts.Of("line_retrieval_240"), maxTokens: 2)).Usage.KvBytesReceived;
        }

        Assert.True(bytes[1] * 3 < bytes[0], $"int4 moved {bytes[1]} bytes, raw {bytes[0]}");
    }
}
