using KvCluster.CommandLine.Serve;
using KvCluster.Compression.Blocks;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>A whole cluster is stopped and started again over one data folder.</summary>
public sealed class RestartTests
{
    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    public async Task Generate_AfterARestart_UsesTheBlocksOnDiskAndGivesTheSameTokens(string kvSpec)
    {
        string folder = Directory.CreateTempSubdirectory("kvcluster-").FullName;
        try
        {
            var options = new ClusterOptions { ModelFolder = RepositoryRoot.ModelFolder, KvSpec = kvSpec, DataFolder = folder, DiskBudgetBytes = 1L << 30 };
            string prompt = Prompts.Of("line_retrieval_80");
            Answer cold;
            await using (TestCluster cluster = await TestCluster.StartAsync(options))
            {
                cold = await cluster.Inference.AskAsync(prompt);
                Assert.Equal(0, cold.Usage.CachedTokens);
                await cluster.WaitUntilIdleAsync();
            }

            await using TestCluster again = await TestCluster.StartAsync(options);
            Answer warm = await again.Inference.AskAsync(prompt);
            V1.StatReply stat = await again.StatAsync();

            Assert.Equal(cold.TokenIds, warm.TokenIds);
            Assert.Equal((warm.Usage.PromptTokens - 1) / KvGeometry.BlockTokenCount * KvGeometry.BlockTokenCount, warm.Usage.CachedTokens);
            Assert.True(stat.Disk.PromotedBlocks >= warm.Usage.CachedTokens / KvGeometry.BlockTokenCount, $"{stat.Disk}");
            Assert.Equal((0L, 0L), (stat.Disk.CorruptBlocks, stat.CorruptSlabs));
            await again.WaitUntilIdleAsync();
            again.MemoryTier.CheckIntegrity();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
