using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Shards;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Blocks over several real shards: replicas, places, repair, hedges.</summary>
public sealed class ShardedReadTests
{
    private static readonly BlockId[] Ids = [.. Enumerable.Range(0, 60).Select(TestSlabs.Id)];
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(50);

    /// <summary>For tests that count streams and places: a machine under load makes a shard look slow.</summary>
    private static readonly ShardReadOptions Unhedged = new() { HedgeShare = 0 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Put_ThreeShards_EachBlockIsAtItsHomesAndReadBack(int replicaCount)
    {
        await using var cluster = await TestShards.StartAsync(3);
        await using ShardClient client = cluster.Client(replicaCount, Unhedged);
        ShardedWriteResult result = await client.PutAsync(Ids);

        Assert.Equal((Ids.Length * TestSlabs.LayerCount, 0), (result.SlabCount, result.LostHomeCount));
        foreach (BlockId id in Ids)
        {
            Assert.Equal(client.View.HomesOf(id).Order(), cluster.Shards.Where(shard => shard.Holds(id)).Select(shard => shard.Address).Order());
        }

        Assert.Equal(Ids, await client.ReadAsync(Ids));
        Assert.Equal((3, 0, 0), (client.Counters.Streams, client.Counters.FallBackBlocks, client.Counters.FailedStreams));
    }

    [Fact]
    public async Task Read_BlocksOnlyAtTheSecondHome_AreFoundThereAndCopiedBack()
    {
        await using var cluster = await TestShards.StartAsync(3);
        await using ShardClient client = cluster.Client(replicaCount: 2, Unhedged);
        await client.PutAsync(Ids);
        foreach (BlockId id in Ids)
        {
            Assert.True(cluster.At(client.View.HomesOf(id)[0]).Store.Drop(id));
        }

        Assert.Equal(Ids, await client.ReadAsync(Ids));
        await client.RepairedAsync(Ids.Length);
        Assert.All(Ids, id => Assert.True(cluster.At(client.View.HomesOf(id)[0]).Holds(id)));
        Assert.Equal(Ids.Length, client.Counters.FallBackBlocks);
        Assert.Equal(Ids, await client.ReadAsync(Ids));
        Assert.Equal(Ids.Length, client.Counters.FallBackBlocks);
    }

    [Fact]
    public async Task Read_ReceiverThrowsAtABlockToBringHome_NoSlabIsLeft()
    {
        await using var cluster = await TestShards.StartAsync(2);
        await using ShardClient client = cluster.Client(replicaCount: 2, Unhedged);
        await client.PutAsync(Ids);
        Assert.All(Ids, id => Assert.True(cluster.At(client.View.HomesOf(id)[0]).Store.Drop(id)));

        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => client.ReadAsync(Ids, onSlab: () => throw new InvalidTimeZoneException()));

        Assert.Equal(Ids, await client.ReadAsync(Ids));
    }

    [Fact]
    public async Task Offer_HomeThatIsNoAddress_TheNextBlocksAreRepaired()
    {
        await using var cluster = await TestShards.StartAsync(1);
        using var connections = new ShardConnections("worker-0");
        using var counters = new ShardCounters();
        await using var repair = new ReadRepair(connections, () => TestSlabs.Epoch, 64 << 20, counters);
        repair.Offer(Whole(TestSlabs.Id(1), "no address"));
        await Eventually.TrueAsync(() => counters.UnrepairedBlocks == 1);

        repair.Offer(Whole(TestSlabs.Id(2), cluster.Addresses[0]));
        await Eventually.TrueAsync(() => counters.RepairedBlocks == 1 && repair.QueuedBytes == 0);
        Assert.True(cluster.Shards[0].Holds(TestSlabs.Id(2)));

        static RepairBlock Whole(BlockId id, string home) =>
            new(id, default, [.. Enumerable.Range(0, TestSlabs.LayerCount).Select(layer => TestSlabs.Make(SlabPool.Shared, id, layer))], [home]);
    }

    [Fact]
    public async Task Read_StoredCopyGoesBad_TheReplicaAnswersAndHealsIt()
    {
        await using var cluster = await TestShards.StartAsync(2);
        await using ShardClient client = cluster.Client(replicaCount: 2, Unhedged);
        await client.PutAsync(Ids);
        foreach (BlockId id in Ids)
        {
            Assert.True(cluster.At(client.View.HomesOf(id)[0]).Tier.FlipBit(id, layer: 1, bitIndex: 999));
        }

        Assert.Equal(Ids, await client.ReadAsync(Ids));
        await client.RepairedAsync(Ids.Length);
        Assert.Equal(Ids.Length, cluster.Shards.Sum(shard => shard.Store.Counters.CorruptSlabs));
        Assert.Equal(Ids, await client.ReadAsync(Ids));
        Assert.Equal(Ids.Length, cluster.Shards.Sum(shard => shard.Store.Counters.CorruptSlabs));
    }

    [Fact]
    public async Task Read_ShardJoined_MovedBlocksAreFoundInTheirOldHomeAndCopiedToTheNew()
    {
        await using var cluster = await TestShards.StartAsync(2);
        await using ShardClient client = cluster.Client(replicaCount: 1);
        await client.PutAsync(Ids);
        TestShard joined = await cluster.AddAsync();
        client.View = new ShardView(cluster.Addresses, 1, [joined.Address]);
        BlockId[] moved = [.. Ids.Where(id => client.View.HomesOf(id)[0] == joined.Address)];
        Assert.InRange(moved.Length, 5, 40);

        Assert.Equal(Ids, await client.ReadAsync(Ids));
        await client.RepairedAsync(moved.Length);
        Assert.Equal(moved.Length, client.Counters.MovedBlocks);
        Assert.Equal(moved, Ids.Where(joined.Holds));

        // Once it has settled nobody looks elsewhere any more.
        client.View = new ShardView(cluster.Addresses);
        Assert.Equal(Ids, await client.ReadAsync(Ids));
        Assert.Equal(moved.Length, client.Counters.MovedBlocks);
    }

    [Fact]
    public async Task Read_ShardLeaves_ItIsReadAndNotWritten()
    {
        await using var cluster = await TestShards.StartAsync(3);
        await using ShardClient client = cluster.Client(replicaCount: 1);
        await client.PutAsync(Ids[..30]);
        string leaving = cluster.Addresses[0];
        client.View = new ShardView(cluster.Addresses[1..], 1, leaving: [leaving]);
        await client.PutAsync(Ids[30..]);

        Assert.DoesNotContain(Ids[30..], cluster.At(leaving).Holds);
        Assert.Equal(Ids, await client.ReadAsync(Ids));
        Assert.Equal(Ids[..30].Count(cluster.At(leaving).Holds), client.Counters.MovedBlocks);
        await client.RepairedAsync((int)client.Counters.MovedBlocks);
    }

    [Fact]
    public async Task Read_BlocksStillToBePut_ComeFromTheirHomesOrFromAWriterWithAnOlderView()
    {
        await using var cluster = await TestShards.StartAsync(3);
        await using ShardClient reader = cluster.Client(replicaCount: 1);
        await using ShardClient writer = cluster.Client(replicaCount: 1);
        string joined = cluster.Addresses[2];
        reader.View = new ShardView(cluster.Addresses, 1, [joined]);
        writer.View = new ShardView(cluster.Addresses[..2]);
        await writer.PutAsync(Ids[..20]);

        // The first 20 are held; the next 20 are said to be held and are not.
        Task<List<BlockId>> reading = reader.ReadAsync(Ids, Long, heldCount: 40);
        await Eventually.TrueAsync(() => cluster.Shards.Sum(shard => shard.Tier.Stat().WaitingReaderCount) >= 40);
        await writer.PutAsync(Ids[20..]);
        Assert.Equal(Ids, await reading.Soon());
        Assert.True(reader.Counters.MovedBlocks > 0);
        await Eventually.TrueAsync(() => cluster.Shards.All(shard => shard.Tier.Stat().WaitingReaderCount == 0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_ShardIsSlow_TheReplicaAnswersFirstAndTheBudgetHolds(bool hasBudget)
    {
        await using var cluster = await TestShards.StartAsync(2);
        await using var link = new FaultyLink(cluster.Addresses[0]);
        await using var client = new ShardClient(
            new ShardView([link.Address, cluster.Addresses[1]], 2),
            new ShardReadOptions { HedgeShare = hasBudget ? 1 : 0, HedgeMinDelay = TimeSpan.FromMilliseconds(20) },
            isOverGrpc: true);
        await client.PutAsync(Ids);
        Assert.Equal(Ids, await client.ReadAsync(Ids));
        link.Hold();

        Task<List<BlockId>> reading = client.ReadAsync(Ids);
        if (!hasBudget)
        {
            await Eventually.TrueAsync(() => client.Counters.Streams == 4);
            Assert.False(reading.IsCompleted);
            link.Release();
        }

        Assert.Equal(Ids, await reading.Soon());
        Assert.Equal(hasBudget, client.Counters.Hedges > 0);
        Assert.Equal(hasBudget, client.Counters.WonHedges > 0);
        link.Release();
    }

    [Fact]
    public async Task Read_ShardStallsInTheMiddle_IsGivenUpForTheReplica()
    {
        await using var cluster = await TestShards.StartAsync(2);
        await using var link = new FaultyLink(cluster.Addresses[0]);
        var time = new TestTimeProvider();
        await using var client = new ShardClient(
            new ShardView([link.Address, cluster.Addresses[1]], 2), new ShardReadOptions { HedgeShare = 0 }, time, isOverGrpc: true);
        await client.PutAsync(Ids);
        link.Hold();

        // Time goes on when all has come that comes by itself.
        int slabCount = 0;
        int soundCount = Ids.Count(id => client.View.HomesOf(id)[0] != link.Address) * TestSlabs.LayerCount;
        Task<List<BlockId>> reading = client.ReadAsync(Ids, onSlab: () => Interlocked.Increment(ref slabCount));
        await Eventually.TrueAsync(() => Volatile.Read(ref slabCount) == soundCount);
        time.Advance(new ShardReadOptions().StallTimeout);

        Assert.Equal(Ids, await reading);
        Assert.True(client.Counters.FailedStreams > 0);
        Assert.True(client.Reader.Health.IsSuspect(link.Address));
        link.Release();
    }

    [Theory]
    [InlineData("nowhere", "http://127.0.0.1:1")]
    [InlineData("http://127.0.0.1:1", "nowhere")]
    public async Task Enqueue_AHomeHasNoAddress_ThrowsAndFreesTheSlab(params string[] addresses)
    {
        await using var client = new ShardClient(new ShardView(addresses, 2));
        await Assert.ThrowsAsync<FormatException>(() => client.PutAsync(Ids));
        Assert.Equal(0, SlabPool.Shared.RentedCount);
    }

    [Fact]
    public async Task Put_AHomeIsGone_TheOtherKeepsEverything()
    {
        await using var cluster = await TestShards.StartAsync(2);
        await using var client = new ShardClient(new ShardView([cluster.Addresses[0], cluster.Addresses[1], "http://127.0.0.1:1"], 2));
        ShardedWriteResult result = await client.PutAsync(Ids);
        Assert.Equal(1, result.LostHomeCount);
        Assert.Equal(1, client.Counters.LostReplicas);
        Assert.Equal(Ids, await client.ReadAsync(Ids));

        client.View = new ShardView([cluster.Addresses[0], "http://127.0.0.1:1"]);
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => client.PutAsync(Ids));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
    }

    [Fact]
    public async Task Put_AHomeIsSlow_IsGivenUpWhenTheOtherHasEverything()
    {
        await using var cluster = await TestShards.StartAsync(2);
        await using var link = new FaultyLink(cluster.Addresses[0]);
        await using var client = new ShardClient(new ShardView([link.Address, cluster.Addresses[1]], 2), isOverGrpc: true);
        link.Hold();
        ShardedWriteResult result = await client.PutAsync(Ids);
        Assert.Equal(1, result.LostHomeCount);
        Assert.All(Ids, id => Assert.True(cluster.Shards[1].Holds(id)));
        link.Release();
    }

    [Fact]
    public async Task Put_Tail_GoesToOneHomeAndIsReadOnce()
    {
        await using var cluster = await TestShards.StartAsync(2);
        await using ShardClient client = cluster.Client(replicaCount: 2);
        await client.PutAsync(Ids[..1], isTransient: true);
        Assert.Single(cluster.Shards, shard => shard.Holds(Ids[0]));
        Assert.Equal(Ids[..1], await client.ReadAsync(Ids[..1], Long));
        await Eventually.TrueAsync(() => cluster.Shards.All(shard => shard.Tier.Stat().BlockCount == 0));
    }

    [Fact]
    public async Task LookupEvery_GapsInAChain_SaysOfEachBlockAndLeasesThoseHeld()
    {
        await using var cluster = await TestShards.StartAsync(1);
        await using ShardClient client = cluster.Client(replicaCount: 1);
        await client.PutAsync([Ids[0], Ids[2], Ids[9]]);
        var request = new LookupRequest { LeaseMs = 10_000, Every = true };
        request.BlockIds.AddRange(Protocol.BlockIds.ToByteStrings(Ids[..10]));
        LookupReply reply = await client.At(cluster.Addresses[0]).LookupAsync(request).ResponseAsync.Soon();
        Assert.Equal([0, 2, 9], Enumerable.Range(0, 12).Where(i => Protocol.HeldBits.Get(reply.HeldBits, i)));
        Assert.Equal((1, 3), (reply.HeldBlockCount, cluster.Shards[0].Tier.Stat().LeasedBlockCount));
        await client.At(cluster.Addresses[0]).ReleaseLeaseAsync(new ReleaseLeaseRequest { LeaseId = reply.LeaseId }).ResponseAsync.Soon();
        Assert.Equal(0, cluster.Shards[0].Tier.Stat().LeasedBlockCount);
    }
}
