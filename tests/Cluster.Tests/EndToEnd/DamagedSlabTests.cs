using KvCluster.Compression.Blocks;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>A damaged slab never reaches an answer: it is refused, counted, and its block computed again.</summary>
public sealed class DamagedSlabTests
{
    private const int LayerCount = 8;

    [Theory]
    [InlineData("raw")]
    [InlineData("int8")]
    [InlineData("int4")]
    public async Task Generate_BitsFlippedInStoredSlabs_GivesTheSameTokensAndCountsThem(string kvSpec)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(kvSpec);
        string prompt = Prompts.Of("line_retrieval_80");
        Answer sound = await cluster.Inference.AskAsync(prompt);
        BlockId[] blocks = await BlocksOfAsync(cluster, prompt);
        // A bit of a header in one block, of a payload in another.
        Assert.True(cluster.MemoryTier.FlipBit(blocks[3], layer: 2, bitIndex: 8 * 20));
        Assert.True(cluster.MemoryTier.FlipBit(blocks[11], layer: LayerCount - 1, bitIndex: 8 * (Slab.HeaderSizeBytes + 77) + 5));

        Answer afterDamage = await cluster.Inference.AskAsync(prompt);
        V1.StatReply stat = await cluster.StatAsync();
        Answer healed = await cluster.Inference.AskAsync(prompt);

        Assert.Equal(sound.TokenIds, afterDamage.TokenIds);
        Assert.True(stat.CorruptSlabs > 0, $"nothing was counted: {stat}");
        Assert.True(afterDamage.Usage.CachedTokens < healed.Usage.CachedTokens, $"{afterDamage.Usage.CachedTokens} tokens of a damaged prefix were used");
        Assert.Equal(sound.TokenIds, healed.TokenIds);
        Assert.Equal((sound.Usage.PromptTokens - 1) / KvGeometry.BlockTokenCount * KvGeometry.BlockTokenCount, healed.Usage.CachedTokens);
        await cluster.WaitUntilIdleAsync();
        cluster.MemoryTier.CheckIntegrity();
    }

    private static async Task<BlockId[]> BlocksOfAsync(TestCluster cluster, string prompt)
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        V1.ListWorkersReply workers = await cluster.Membership.ListWorkersAsync(new V1.ListWorkersRequest(), cancellationToken: cancellationToken);
        V1.WorkerDescription decode = workers.Workers.First(status => status.Worker.Role is V1.WorkerRole.Decode).Worker;
        V1.TokenizeReply tokens = await cluster.Inference.TokenizeAsync(new V1.TokenizeRequest { Text = prompt }, cancellationToken: cancellationToken);
        BlockId root = BlockIdChain.Root("", decode.ModelFingerprint, decode.CodecFingerprint);
        return BlockIdChain.FullBlocks(root, [.. tokens.TokenIds]);
    }
}
