using Grpc.Core;
using KvCluster.CommandLine.Serve;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tests.Redis;
using StackExchange.Redis;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>A cluster with memory only is stopped; another one, with nothing but the same Redis, goes on.</summary>
public sealed class RedisTests
{
    private const string AcmeKey = "acme-key-0123456789";
    private const string BetaKey = "beta-key-0123456789";

    [Fact]
    public async Task Generate_OverRedisWithKeys_SharesBlocksOfATenantOnlyAndOutlivesRedis()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var options = new ClusterOptions
        {
            ModelFolder = RepositoryRoot.ModelFolder,
            KvSpec = "int4",
            RedisConnection = server.Connection,
            RedisTimeoutMs = 20_000,
            EncryptionKeys = "k1=" + Convert.ToBase64String(new byte[32]),
            ApiKeys = $"acme={AcmeKey},beta={BetaKey}",
        };
        string prompt = Prompts.Of("line_retrieval_80");
        Answer cold;
        await using (TestCluster cluster = await TestCluster.StartAsync(options))
        {
            await UntilRedisAnswersAsync(cluster);
            cold = await AskAsync(cluster, prompt, AcmeKey);
            Assert.Equal(0, cold.Usage.CachedTokens);
            await cluster.WaitUntilIdleAsync();
        }

        Assert.Equal("KVR1", await server.AskAsync(PrefixOfAValueAsync));
        await using TestCluster other = await TestCluster.StartAsync(options);
        await UntilRedisAnswersAsync(other);
        Answer warm = await AskAsync(other, prompt, AcmeKey);
        Assert.Equal(cold.TokenIds, warm.TokenIds);
        Assert.Equal((warm.Usage.PromptTokens - 1) / KvGeometry.BlockTokenCount * KvGeometry.BlockTokenCount, warm.Usage.CachedTokens);
        V1.StatReply stat = await other.StatAsync();
        Assert.True(stat.Redis.ReadBlocks >= warm.Usage.CachedTokens / KvGeometry.BlockTokenCount, $"{stat.Redis}");

        Answer foreign = await AskAsync(other, prompt, BetaKey);
        Assert.Equal(cold.TokenIds, foreign.TokenIds);
        Assert.Equal(0, foreign.Usage.CachedTokens);
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => AskAsync(other, prompt, "somebody-0123456789"));
        Assert.Equal(StatusCode.Unauthenticated, refused.StatusCode);

        await server.KillAsync();
        Answer[] answers = await Task.WhenAll(Prompts.Mixed().Select(one => AskAsync(other, one, AcmeKey)));
        Assert.All(answers, answer => Assert.NotEmpty(answer.TokenIds));
        Assert.Equal(cold.TokenIds, (await AskAsync(other, prompt, AcmeKey)).TokenIds);
        await other.WaitUntilIdleAsync();
        stat = await other.StatAsync();
        Assert.Equal((false, 0L, 0L), (stat.Redis.IsAnswering, stat.Redis.CorruptBlocks, stat.CorruptSlabs));
        other.MemoryTier.CheckIntegrity();
        await server.RestartAsync();
    }

    private static Task<Answer> AskAsync(TestCluster cluster, string prompt, string key) => cluster.Inference.AskAsync(
        new V1.GenerateRequest { Text = prompt, Sampling = new V1.Sampling { Temperature = 0, MaxTokens = 24 } },
        new Metadata { { "authorization", $"Bearer {key}" } });

    /// <summary>What a sealed value shows first; fails when it shows a slab.</summary>
    private static async Task<string> PrefixOfAValueAsync(IDatabase database)
    {
        string key = (string)(await database.ExecuteAsync("RANDOMKEY"))!;
        byte[] value = (await database.StringGetAsync(key))!;
        Assert.True(value.AsSpan().IndexOf("KVB1"u8) < 0, "a slab is shown");
        return System.Text.Encoding.ASCII.GetString(value, 0, 4);
    }

    private static async Task UntilRedisAnswersAsync(TestCluster cluster)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!(await cluster.StatAsync()).Redis.IsAnswering)
        {
            Assert.True(await poll.WaitForNextTickAsync(limit.Token));
        }
    }
}
