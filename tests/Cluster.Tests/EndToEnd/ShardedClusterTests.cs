using Grpc.Net.Client;
using KvCluster.CommandLine.Serve;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>The whole cluster, models and all, over several shards: the answers are those of one, also while a shard is killed.</summary>
public sealed class ShardedClusterTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Generate_OverThreeShards_GivesTheAnswersOfOneAndEveryBlockIsThereTwice()
    {
        string[] prompts = Prompts.Mixed();
        (int[][] expected, long blockCount) = await OfOneShardAsync(prompts);
        await using TestCluster cluster = await TestCluster.StartAsync(Sharded(3));

        Answer[] cold = await AskAllAsync(cluster, prompts, "");
        Assert.Equal(expected, cold.Select(answer => answer.TokenIds));
        await ReplicatedAsync(cluster, blockCount);
        Answer[] warm = await AskAllAsync(cluster, prompts, "");
        Assert.Equal(expected, warm.Select(answer => answer.TokenIds));
        Assert.All(warm, AssertIsWarm);

        Assert.All(cluster.MemoryTiers, tier => Assert.True(tier.Stat().BlockCount > 0));
        await CheckAsync(cluster);
    }

    [Fact]
    public async Task Generate_AShardIsKilledMeanwhile_NoRequestFailsAndNothingIsComputedAgain()
    {
        string[] prompts = Prompts.Mixed(2);
        (int[][] expected, long blockCount) = await OfOneShardAsync(prompts);
        await using TestCluster cluster = await TestCluster.StartAsync(Sharded(2));
        await using KvClusterProcess third = KvClusterProcess.Start(
            "serve", "--role", "kvstore", "--gateway", cluster.GrpcAddress, "--listen", "http://127.0.0.1:0", "--id", "kvstore-9");
        using GrpcChannel channel = GrpcChannels.Create(await JoinedAsync(cluster, "kvstore-9"));
        var thirdStore = new V1.KvStore.KvStoreClient(channel);

        // Before it dies, the third shard holds its part, and every block is on two.
        Assert.Equal(expected, (await AskAllAsync(cluster, prompts, "warm")).Select(answer => answer.TokenIds));
        await ReplicatedAsync(cluster, blockCount, thirdStore);
        Assert.True((await thirdStore.StatAsync(new V1.StatRequest(), cancellationToken: TestContext.Current.CancellationToken)).BlockCount > 0);

        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<Answer>[] warm = [.. prompts.Select(prompt => AskAsync("warm", prompt))];
        Task<Answer>[] cold = [.. prompts.Select(prompt => AskAsync("cold", prompt))];
        await begun.Task.WaitAsync(Patience, TestContext.Current.CancellationToken);
        await third.KillAsync();

        Assert.Equal(expected, (await Task.WhenAll(warm)).Select(answer => answer.TokenIds));
        Assert.Equal(expected, (await Task.WhenAll(cold)).Select(answer => answer.TokenIds));

        // The replicas of what it held are enough.
        Answer[] after = await AskAllAsync(cluster, prompts, "warm");
        Assert.Equal(expected, after.Select(answer => answer.TokenIds));
        Assert.All(after, AssertIsWarm);
        await CheckAsync(cluster);

        // The first request that has ended: the others are in prefill, on their way, or in decode.
        async Task<Answer> AskAsync(string tenant, string prompt)
        {
            Answer answer = await cluster.Inference.AskAsync(prompt, tenant: tenant);
            begun.TrySetResult();
            return answer;
        }
    }

    [Fact]
    public async Task Serve_TwoShardsOnDisk_KeepsTheirBlocksOverARestart()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("kvcluster-tests-");
        try
        {
            string prompt = Prompts.Of("line_retrieval_80");
            Answer cold = await AskServedAsync(folder, prompt);
            Assert.All(["shard-0", "shard-1"], name => Assert.NotEmpty(Directory.GetFiles(Path.Combine(folder.FullName, name), "blocks-*.kvs")));
            Answer warm = await AskServedAsync(folder, prompt);
            Assert.Equal((0, cold.Text), (cold.Usage.CachedTokens, warm.Text));
            Assert.Equal(cold.TokenIds, warm.TokenIds);
            AssertIsWarm(warm);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Starts the command, asks, and stops it gently.</summary>
    private static async Task<Answer> AskServedAsync(DirectoryInfo folder, string prompt)
    {
        await using KvClusterProcess serve = KvClusterProcess.Start(
            "serve", "--http", "0", "--grpc", "0", "--shards", "2", "--replicas", "2", "--data", folder.FullName);
        string ready = await serve.WaitForLineAsync("ready ");
        using GrpcChannel channel = GrpcChannels.Create(
            ready.Split(' ')[^1].Replace("grpc://", "http://", StringComparison.Ordinal).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal));
        V1.ListWorkersReply members = await new V1.Cluster.ClusterClient(channel).ListWorkersAsync(new V1.ListWorkersRequest());
        Assert.Equal(2, members.Workers.Count(member => member.Worker.Role is V1.WorkerRole.Kvstore));
        Answer answer = await new V1.Inference.InferenceClient(channel).AskAsync(prompt);
        Assert.True(await serve.StopAsync() == 0, serve.Errors);
        return answer;
    }

    private static ClusterOptions Sharded(int shardCount) =>
        new() { ModelFolder = RepositoryRoot.ModelFolder, KvSpec = "int4", ShardCount = shardCount, KvReplicas = 2 };

    /// <summary>The answers to the prompts, and how many blocks a store holds after them.</summary>
    private static async Task<(int[][] TokenIds, long BlockCount)> OfOneShardAsync(string[] prompts)
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        Answer[] answers = await AskAllAsync(cluster, prompts, "");
        await cluster.WaitUntilIdleAsync();
        return ([.. answers.Select(answer => answer.TokenIds)], (await cluster.StatAsync()).BlockCount);
    }

    private static Task<Answer[]> AskAllAsync(TestCluster cluster, string[] prompts, string tenant) =>
        Task.WhenAll(prompts.Select(prompt => cluster.Inference.AskAsync(prompt, tenant: tenant)));

    private static void AssertIsWarm(Answer answer) => Assert.Equal((answer.Usage.PromptTokens - 1) / 64 * 64, answer.Usage.CachedTokens);

    private static async Task CheckAsync(TestCluster cluster)
    {
        await cluster.WaitUntilIdleAsync();
        foreach (MemoryTier tier in cluster.MemoryTiers)
        {
            tier.CheckIntegrity();
            Assert.Equal((0, 0), (tier.Counters.CorruptSlabs, tier.Counters.RefusedSlabs));
        }
    }

    /// <summary>Returns when so many blocks are there, each on two shards or more: as shards join, there are further copies.</summary>
    private static async Task ReplicatedAsync(TestCluster cluster, long blockCount, params V1.KvStore.KvStoreClient[] others)
    {
        string problem = "";
        await EventuallyAsync(
            async () =>
            {
                // Any other shard's block has its second home here.
                BlockId[] ids = [.. cluster.MemoryTiers.SelectMany(tier => tier.BlocksForBelow()).Distinct()];
                var request = new V1.LookupRequest { BlockIds = { ids.ToByteStrings() }, Every = true };
                V1.LookupReply[] replies = await Task.WhenAll(cluster.Stores.Concat(others).Select(store => store.LookupAsync(request).ResponseAsync));
                int[] copies = new int[ids.Length];
                foreach (V1.LookupReply reply in replies)
                {
                    for (int i = 0; i < ids.Length; i++)
                    {
                        copies[i] += HeldBits.Get(reply.HeldBits, i) ? 1 : 0;
                    }
                }

                problem = $"{ids.Length} of {blockCount} blocks are there, {copies.Count(count => count < 2)} of them once";
                return ids.Length == blockCount && copies.All(count => count >= 2);
            },
            () => problem);
    }

    /// <summary>The address of a shard that every worker knows by its next heartbeat.</summary>
    private static async Task<string> JoinedAsync(TestCluster cluster, string workerId)
    {
        string? address = null;
        await EventuallyAsync(
            async () =>
            {
                V1.ListWorkersReply members = await cluster.Membership.ListWorkersAsync(new V1.ListWorkersRequest());
                address = members.Workers.FirstOrDefault(member => member.Worker.WorkerId == workerId)?.Worker.Address;
                return address is not null;
            },
            () => $"{workerId} did not register");
        return address!;
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition, Func<string> problem)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await condition())
        {
            Assert.False(patience.IsCancellationRequested, problem());
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }
}
