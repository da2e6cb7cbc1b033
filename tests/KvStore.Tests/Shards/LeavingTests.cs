using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tests.Quotas;
using KvCluster.Protocol.Shards;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Shards that come and go while blocks are written and read.</summary>
public sealed class LeavingTests
{
    [Fact]
    public async Task Stop_ShardLeaves_ItsBlocksAreAtTheOthersBeforeItIsGone()
    {
        BlockId[] ids = [.. Enumerable.Range(0, 200).Select(TestSlabs.Id)];
        await using ShardGateway gateway = await ShardGateway.StartAsync();
        await using TestShards cluster = await TestShards.StartAsync(3, gateway.Address);
        gateway.Settle();
        await using var client = new ShardClient(gateway.View());
        await client.PutAsync(ids);
        await gateway.HeardByAllAsync();
        int ownCount = ids.Count(cluster.Shards[0].Holds);
        Assert.InRange(ownCount, 20, 150);

        await cluster.Shards[0].StopAsync();

        Assert.Equal(ownCount, cluster.Shards[0].Store.Counters.HandedOver);
        client.View = gateway.View();
        Assert.Equal(2, client.View.Live.Count);
        Assert.Equal(ids, await client.ReadAsync(ids));
        Assert.Equal((0, 0), (client.Counters.MovedBlocks, client.Counters.FallBackBlocks));
    }

    [Fact]
    public async Task Stop_ThatDoesNotHandOver_LeavesItsBlocksBehind()
    {
        BlockId[] ids = [.. Enumerable.Range(0, 50).Select(TestSlabs.Id)];
        await using ShardGateway gateway = await ShardGateway.StartAsync();
        await using TestShards cluster = await TestShards.StartAsync(1, gateway.Address);
        TestShard leaving = await cluster.AddAsync(options => options.HandsOverAtStop = false);
        gateway.Settle();
        await using var client = new ShardClient(gateway.View());
        await client.PutAsync(ids);
        BlockId[] own = [.. ids.Where(leaving.Holds)];
        Assert.NotEmpty(own);

        await leaving.StopAsync();

        Assert.Equal(0, leaving.Store.Counters.HandedOver);
        Assert.DoesNotContain(own, cluster.Shards[0].Holds);
        Assert.Equal([leaving.Address], cluster.Addresses.Except(gateway.View().Live));
    }

    [Fact]
    public async Task Stop_ShardLeavesBlocksOfOwners_TheyCountAgainstTheirQuotasElsewhere()
    {
        const int KeptCount = 3;
        await using ShardGateway gateway = await ShardGateway.StartAsync();
        await using TestShards cluster = await TestShards.StartAsync(1, gateway.Address);
        TestShard other = await cluster.AddAsync(options => options.OwnerQuotaBytes = KeptCount * TestMemory.BlockBytes);
        gateway.Settle();
        await gateway.HeardByAllAsync();
        await using var client = new ShardClient(new ShardView([cluster.Shards[0].Address]));
        await client.PutAsync(Enumerable.Range(0, 10).Select(TestSlabs.Id), owner: TestMemory.Owner(1));
        await client.PutAsync(Enumerable.Range(10, 2).Select(TestSlabs.Id), owner: TestMemory.Owner(2));
        await client.PutAsync(Enumerable.Range(20, 10).Select(TestSlabs.Id));

        await cluster.Shards[0].StopAsync();

        Assert.Equal(22, cluster.Shards[0].Store.Counters.HandedOver);
        Assert.Equal(10 - KeptCount, other.Store.Counters.OverQuotaBlocks);
        Assert.All(Enumerable.Range(10, 2).Concat(Enumerable.Range(20, 10)), number => Assert.True(other.Holds(TestSlabs.Id(number))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Join_NobodyReads_TheNewShardGetsWhatIsAtHomeThere(int replicaCount)
    {
        BlockId[] ids = [.. Enumerable.Range(0, 200).Select(TestSlabs.Id)];
        await using ShardGateway gateway = await ShardGateway.StartAsync(replicaCount);
        await using TestShards cluster = await TestShards.StartAsync(3, gateway.Address);
        gateway.Settle();
        await using var client = new ShardClient(gateway.View());
        await client.PutAsync(ids);

        TestShard joined = await cluster.AddAsync();

        BlockId[] own = [.. ids.Where(id => gateway.View().HomesOf(id).Contains(joined.Address))];
        Assert.InRange(own.Length, 20 * replicaCount, 90 * replicaCount);
        await Eventually.TrueAsync(() => own.All(joined.Holds));
        gateway.Settle();
        client.View = gateway.View();
        Assert.Equal(ids, await client.ReadAsync(ids));
        Assert.Equal((0, 0), (client.Counters.MovedBlocks, client.Counters.FallBackBlocks));
    }

    [Fact]
    public async Task Join_AShardThatIsNoAddress_IsCountedAndTriedAgainAndLeavingGoesOn()
    {
        BlockId[] ids = [.. Enumerable.Range(0, 50).Select(TestSlabs.Id)];
        await using ShardGateway gateway = await ShardGateway.StartAsync();
        await using TestShards cluster = await TestShards.StartAsync(2, gateway.Address);
        gateway.Settle();
        await using var client = new ShardClient(gateway.View());
        await client.PutAsync(ids);
        var nowhere = new V1.WorkerDescription { WorkerId = "shard-x", Role = V1.WorkerRole.Kvstore, Address = "no address" };
        gateway.Join(nowhere);
        await gateway.HeardByAllAsync();
        int ownCount = ids.Where(cluster.Shards[0].Holds).Count(id => gateway.View().HomesOf(id).Contains(nowhere.Address));
        Assert.InRange(ownCount, 1, 40);

        await Eventually.TrueAsync(() => cluster.Shards[0].Store.Counters.NotHandedOver >= 2 * ownCount);

        // What has a real home among the others still gets there.
        await cluster.Shards[0].StopAsync();
        Assert.All(ids, id => Assert.True(cluster.Shards[1].Holds(id) || gateway.View().HomesOf(id).Contains(nowhere.Address)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task JoinAndLeave_UnderLoad_NoBlockIsEverMissed(int replicaCount)
    {
        await using ShardGateway gateway = await ShardGateway.StartAsync(replicaCount);
        await using TestShards cluster = await TestShards.StartAsync(2, gateway.Address);
        gateway.Settle();
        await using var client = new ShardClient(gateway.View());
        var load = new ShardLoad(client, () => client.View = gateway.View());
        load.Start();
        await load.PassesAsync(5);

        await cluster.AddAsync();
        await load.PassesAsync(5);
        await cluster.AddAsync();
        await load.PassesAsync(5);
        await cluster.Shards[0].StopAsync();
        await load.PassesAsync(5);
        await cluster.Shards[2].StopAsync();
        await load.PassesAsync(5);
        await load.StopAsync();

        Assert.Equal(0, load.MissedCount);
        Assert.Equal(0, load.FailedPutCount);
        Assert.True(cluster.Shards[0].Store.Counters.HandedOver > 0);
    }
}
