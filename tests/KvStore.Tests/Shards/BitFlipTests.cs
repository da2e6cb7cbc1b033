using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.Protocol.Shards;
using KvCluster.Protocol.Streams;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Ten thousand bits change on the wire, over gRPC and over slab streams each way, and ten thousand in memory: every block is delivered all the same, and as it was.</summary>
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_BitsFlipOnASlabStream_EveryBlockComesAsItIs(bool isLocal)
    {
        await using TestShards cluster = await TestShards.StartAsync(1);
        await using FaultyLink link = await AddOverAsync(cluster, isLocal);
        var time = new TestTimeProvider();
        await using var client = new ShardClient(new ShardView(cluster.Addresses, 2), new ShardReadOptions { HedgeShare = 0 }, time);
        await client.PutAsync(Ids);
        var flips = new BitFlips(new Random(14), flipsAByte: 1.0 / 4000);
        var requestFlips = new BitFlips(new Random(15), flipsAByte: 1.0 / 8000);
        link.Damage = bytes => flips.Apply(bytes.Span);
        link.DamageToShard = bytes => requestFlips.Apply(bytes.Span);
        while (flips.Count + requestFlips.Count < FlipCount)
        {
            Assert.Equal(Ids, await client.ReadAsync(Ids));
            time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.True(client.RefusedCount > 1000, $"{client.RefusedCount} slabs were refused");
        Assert.True(client.Counters.FallBackBlocks > 1000);
        Assert.True(client.Counters.FailedStreams > 100, $"{client.Counters.FailedStreams} streams failed");
        Assert.True(requestFlips.Count > 10 && cluster.Shards[1].Listener.BrokenCount > 10, $"{cluster.Shards[1].Listener.BrokenCount} requests were refused of {requestFlips.Count} flips");
        Assert.All(cluster.Shards, shard => Assert.Equal(0, shard.Store.Counters.CorruptSlabs));
        await UsedAgainAsync(link, async () => Assert.Equal(Ids, await client.ReadAsync(Ids)));
        Assert.Equal(0, cluster.Shards[0].Listener.BrokenCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Put_BitsFlipOnASlabStream_NothingBadIsStoredAndNothingIsLost(bool isLocal)
    {
        await using TestShards cluster = await TestShards.StartAsync(1);
        await using FaultyLink link = await AddOverAsync(cluster, isLocal);
        await using var client = new ShardClient(new ShardView(cluster.Addresses, 2), new ShardReadOptions { HedgeShare = 0 });
        var flips = new BitFlips(new Random(16), flipsAByte: 1.0 / 1500);
        var replyFlips = new BitFlips(new Random(17), flipsAByte: 1.0 / 1500);
        int round = 0;
        async Task PutAndReadAsync(bool isDamaged)
        {
            BlockId[] ids = [.. Enumerable.Range(round++ * 8, 8).Select(TestSlabs.Id)];
            link.DamageToShard = isDamaged ? bytes => flips.Apply(bytes.Span) : null;
            link.Damage = isDamaged ? bytes => replyFlips.Apply(bytes.Span) : null;
            await client.PutAsync(ids);
            link.Damage = link.DamageToShard = null;
            Assert.Equal(ids, await client.ReadAsync(ids));
        }

        while (flips.Count + replyFlips.Count < FlipCount)
        {
            await PutAndReadAsync(isDamaged: true);
        }

        TestShard damaged = cluster.Shards[1];
        Assert.True(client.Counters.LostReplicas > 500, $"{client.Counters.LostReplicas} replicas lost");
        Assert.True(damaged.Store.Counters.RefusedSlabs > 500, $"{damaged.Store.Counters.RefusedSlabs} slabs refused");
        Assert.True(damaged.Listener.BrokenCount > 50, $"{damaged.Listener.BrokenCount} connections broken");
        Assert.Equal(0, damaged.Store.Counters.StaleEpochPuts);
        Assert.Equal((0, 0), (cluster.Shards[0].Store.Counters.RefusedSlabs, cluster.Shards[0].Listener.BrokenCount));
        Assert.All(cluster.Shards, shard => Assert.Equal(0, shard.Store.Counters.CorruptSlabs));
        await UsedAgainAsync(link, () => PutAndReadAsync(isDamaged: false));
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

    [Fact]
    public async Task Read_BitsFlipInTheMemoryThatAShardLends_EveryBlockComesAsItIs()
    {
        SlabPool.Shared.TryShareMemory();
        SlabPool.Shared.Trim();
        SlabSocket.MinReferredSizeBytes = 1;
        try
        {
            await using TestShards cluster = await TestShards.StartAsync(2);
            await using var client = new ShardClient(new ShardView(cluster.Addresses, 2), new ShardReadOptions { HedgeShare = 0 });
            await client.PutAsync(Ids);
            TestShard damaged = cluster.Shards[0];
            var random = new Random(18);
            int flipCount = 0;
            while (flipCount < FlipCount)
            {
                // At any moment: before the shard has looked at a slab, between that and the copy, after it.
                Task<List<BlockId>> reading = client.ReadAsync(Ids);
                for (int i = 0; i < 20 && !reading.IsCompleted; i++)
                {
                    await Task.Yield();
                    flipCount += damaged.Tier.FlipBit(Ids[random.Next(Ids.Length)], random.Next(TestSlabs.LayerCount), random.Next(8 * TestSlabs.SizeBytes)) ? 1 : 0;
                }

                Assert.Equal(Ids, await reading);
            }

            Assert.True(damaged.Store.Counters.CorruptSlabs + client.RefusedCount > 500, $"{damaged.Store.Counters.CorruptSlabs} slabs were corrupt, {client.RefusedCount} refused");
            Assert.True(damaged.Listener.ReferredSlabCount > 1000, $"{damaged.Listener.ReferredSlabCount} slabs went by reference");
            Assert.All(cluster.Shards, shard => Assert.Equal(0, shard.Listener.BrokenCount));
        }
        finally
        {
            SlabSocket.MinReferredSizeBytes = SlabSocket.DefaultMinReferredSizeBytes;
        }
    }

    /// <summary>Adds a shard whose slab streams go over a link.</summary>
    private static async Task<FaultyLink> AddOverAsync(TestShards cluster, bool isLocal)
    {
        if (isLocal)
        {
            TestShard local = await cluster.AddAsync();
            return FaultyLink.Before(local.Listener.Advertised.SlabSocket, LocalSlabSocket.GreetingSizeBytes);
        }

        var link = new FaultyLink { SparedBytes = SlabSocket.GreetingSizeBytes };
        TestShard shard = await cluster.AddAsync(options => options.AdvertisedSlabPort = link.Port);
        link.TargetPort = shard.Listener.Port;
        return link;
    }

    /// <summary>With a sound link, calls go over slab streams again, not over gRPC alone, and none breaks.</summary>
    private static async Task UsedAgainAsync(FaultyLink link, Func<Task> callAsync)
    {
        link.Damage = link.DamageToShard = null;
        for (long before = link.ByteCount; link.ByteCount < before + (100 * TestSlabs.SizeBytes);)
        {
            await callAsync();
        }
    }
}
