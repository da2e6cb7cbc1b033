using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.Protocol.Shards;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Ten thousand bits change on the wire, and ten thousand in memory: every block is delivered all the same, and as it was.</summary>
public sealed class BitFlipTests
{
    private const int FlipCount = 10_000;
    private static readonly BlockId[] Ids = [.. Enumerable.Range(0, 100).Select(TestSlabs.Id)];

    [Fact]
    public async Task Read_BitsFlipOnTheWayFromOneShard_EveryBlockComesAsItIs()
    {
        await using TestShards cluster = await TestShards.StartAsync(2);
        var flips = new FlippingHandler(new Random(11), flipsAByte: 1.0 / 4000);
        var time = new TestTimeProvider();
        await using var client = new ShardClient(
            new ShardView(cluster.Addresses, 2),
            new ShardReadOptions { HedgeShare = 0 },
            time,
            create: address => address == cluster.Addresses[0] ? flips.Channel(address) : GrpcChannels.Create(address));
        await client.PutAsync(Ids);
        flips.IsOn = true;
        while (flips.Count < FlipCount)
        {
            Assert.Equal(Ids, await client.ReadAsync(Ids));

            // Whatever broke off was long ago when the next read comes.
            time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.True(client.RefusedCount > 1000, $"{client.RefusedCount} slabs were refused");
        Assert.True(client.Counters.FallBackBlocks > 1000);
        Assert.True(client.Counters.FailedStreams > 10);
        Assert.All(cluster.Shards, shard => Assert.Equal(0, shard.Store.Counters.CorruptSlabs));
    }

    [Fact]
    public async Task Put_BitsFlipOnTheWayToOneShard_NothingBadIsStoredAndNothingIsLost()
    {
        await using TestShards cluster = await TestShards.StartAsync(2);
        var flips = new FlippingHandler(new Random(12), flipsAByte: 1.0 / 4000) { IsForRequests = true, IsOn = true };
        await using var client = new ShardClient(
            new ShardView(cluster.Addresses, 2),
            create: address => address == cluster.Addresses[0] ? flips.Channel(address) : GrpcChannels.Create(address));
        for (int round = 0; round < 300; round++)
        {
            BlockId[] ids = [.. Enumerable.Range(round * 4, 4).Select(TestSlabs.Id)];
            await client.PutAsync(ids);
            Assert.Equal(ids, await client.ReadAsync(ids));
        }

        Assert.True(flips.Count >= 300);
        Assert.True(client.Counters.LostReplicas > 200);
        long refusedCount = cluster.Shards[0].Store.Counters.RefusedSlabs;
        Assert.True(
            refusedCount > 100,
            $"{refusedCount} slabs refused, {cluster.Shards[0].Store.Counters.StaleEpochPuts} Puts of old epochs, {client.Counters.LostReplicas} replicas lost, "
            + $"{flips.Count} bits flipped; {cluster.Shards[0].Tier.Stat()}");
        Assert.All(cluster.Shards, shard => Assert.Equal(0, shard.Store.Counters.CorruptSlabs));
    }

    [Fact]
    public async Task Read_BitsFlipInMemory_TheReplicaAnswersAndTheCopyIsMadeNew()
    {
        await using TestShards cluster = await TestShards.StartAsync(2);
        await using var client = new ShardClient(new ShardView(cluster.Addresses, 2), new ShardReadOptions { HedgeShare = 0 });
        await client.PutAsync(Ids);
        var random = new Random(13);
        for (int flipped = 0; flipped < FlipCount; flipped += Ids.Length)
        {
            foreach (BlockId id in Ids)
            {
                TestShard home = cluster.At(client.View.HomesOf(id)[0]);
                Assert.True(home.Tier.FlipBit(id, random.Next(TestSlabs.LayerCount), random.Next(8 * TestSlabs.SizeBytes)));
            }

            Assert.Equal(Ids, await client.ReadAsync(Ids));
            await client.RepairedAsync(flipped + Ids.Length);
        }

        Assert.Equal(FlipCount, cluster.Shards.Sum(shard => shard.Store.Counters.CorruptSlabs));
        Assert.Equal(FlipCount, client.Counters.RepairedBlocks);
        Assert.Equal(0, client.Counters.UnrepairedBlocks);
    }
}
