using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.Protocol;
using KvCluster.Protocol.Shards;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Shards are processes of their own here, killed as kill -9 does.</summary>
public sealed class ShardKillTests
{
    private const int ShardCount = 3;

    [Fact]
    public async Task Kill_EachShardInTurnUnderLoad_NoBlockIsMissedAndNoPutFails()
    {
        await using ShardGateway gateway = await ShardGateway.StartAsync(replicaCount: 2);
        var shards = new List<StoreProcess>();
        try
        {
            for (int i = 0; i < ShardCount; i++)
            {
                shards.Add(await StartAsync(gateway, i, "http://127.0.0.1:0"));
            }

            await Eventually.TrueAsync(() => gateway.View().Live.Count == ShardCount);
            gateway.Settle();
            await using var client = new ShardClient(gateway.View());
            var load = new ShardLoad(client, () => client.View = gateway.View());
            load.Start();
            await load.PassesAsync(3);
            for (int i = 0; i < ShardCount; i++)
            {
                await shards[i].KillAsync();
                await load.PassesAsync(3);
                if (i == 1)
                {
                    // Once, the Gateway notices before the shard is back: homes move for a while.
                    gateway.Forget($"shard-{i}");
                    await load.PassesAsync(3);
                }

                string address = shards[i].Address;
                await shards[i].DisposeAsync();
                shards[i] = await StartAsync(gateway, i, address);
                await Eventually.TrueAsync(() => gateway.View().Joining.Contains(address));

                // The restarted shard holds nothing. Every block has to be whole again before the next one is killed.
                await WhollyReplicatedAsync(client, load, gateway.View(), address);
                gateway.Settle();
            }

            await load.StopAsync();
            Assert.Equal((0, 0), (load.MissedCount, load.FailedPutCount));
            Assert.True(load.SafeIds().Length > 50);
            Assert.True(client.Counters.FailedStreams > 0);
            foreach (StoreProcess shard in shards)
            {
                StatReply stat = await new V1.KvStore.KvStoreClient(shard.Channel!).StatAsync(new StatRequest()).ResponseAsync.Soon();
                Assert.Equal((0, 0, 0), (stat.PendingBlockCount, stat.ReadBlockCount, stat.WaitingReaderCount));
                Assert.Equal(0, stat.CorruptSlabs);
            }
        }
        finally
        {
            foreach (StoreProcess shard in shards)
            {
                await shard.DisposeAsync();
            }
        }
    }

    /// <summary>
    /// Every block put before now is at both of its homes: the other shards copy what the one that came back lacks. Elsewhere a replica may have been given
    /// up while its shard was slow; those are put again.
    /// </summary>
    private static async Task WhollyReplicatedAsync(ShardClient client, ShardLoad load, ShardView view, string restarted)
    {
        BlockId[] ids = load.SafeIds();
        foreach (string address in view.Live)
        {
            BlockId[] own = [.. ids.Where(id => view.HomesOf(id).Contains(address))];
            using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            for (int tick = 0; await LackingAsync(client, address, own) is { Length: > 0 } lacking; tick++)
            {
                Assert.True(tick < 1500, $"{address} lacks {lacking.Length} of {own.Length} blocks");
                if (address != restarted)
                {
                    await client.PutAsync(lacking);
                }

                await poll.WaitForNextTickAsync();
            }
        }
    }

    private static async Task<BlockId[]> LackingAsync(ShardClient client, string address, BlockId[] ids)
    {
        var request = new LookupRequest { Every = true };
        request.BlockIds.AddRange(ids.ToByteStrings());
        LookupReply reply = await client.At(address).LookupAsync(request).ResponseAsync.Soon();
        return [.. ids.Where((_, i) => !HeldBits.Get(reply.HeldBits, i))];
    }

    private static async Task<StoreProcess> StartAsync(ShardGateway gateway, int number, string address)
    {
        StoreProcess shard = await StoreProcess.StartAsync(
            $"--ListenAddress={address}", $"--GatewayAddress={gateway.Address}", $"--WorkerId=shard-{number}", "--MemoryBudgetBytes=67108864");
        Assert.NotNull(shard.Channel);
        return shard;
    }
}
