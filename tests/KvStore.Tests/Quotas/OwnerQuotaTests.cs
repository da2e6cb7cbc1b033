using Google.Protobuf;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.KvStore.Tests.Tiered;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests.Quotas;

public sealed class OwnerQuotaTests
{
    private static readonly MemoryTierOptions ThreeBlocks = new() { OwnerQuotaBytes = 3 * TestMemory.BlockBytes };

    [Fact]
    public void Put_OwnerOverItsQuota_EvictsItsOwnLongestUnused()
    {
        using var memory = new TestMemory(budgetBlocks: 8, ThreeBlocks);
        BlockId heavy = TestMemory.Owner(1);
        Assert.True(memory.Put(100, TestMemory.Owner(2)) && memory.Put(200));
        for (int number = 0; number < 3; number++)
        {
            Assert.True(memory.Put(number, heavy));
        }

        memory.Tier.Lookup([TestSlabs.Id(0)], TimeSpan.Zero, out _);
        Assert.True(memory.Put(3, heavy) && memory.Put(4, heavy));
        Assert.Equal([true, false, false, true, true], Enumerable.Range(0, 5).Select(memory.Has));
        Assert.True(memory.Has(100) && memory.Has(200));
        Assert.Equal((2L, 0L), (memory.Tier.Counters.OverQuotaBlocks, memory.Tier.Counters.EvictedBlocks));
    }

    [Fact]
    public void Put_OwnerWhoseBlocksAreLeased_GoesOverItsQuotaAndComesBack()
    {
        using var memory = new TestMemory(budgetBlocks: 8, ThreeBlocks);
        BlockId owner = TestMemory.Owner(1);
        for (int number = 0; number < 3; number++)
        {
            Assert.True(memory.Put(number, owner));
        }

        BlockId[] leased = [.. Enumerable.Range(0, 3).Select(TestSlabs.Id)];
        Assert.Equal(3, memory.Tier.Lookup(leased, TimeSpan.FromSeconds(10), out string lease));
        Assert.True(memory.Put(3, owner));
        Assert.Equal([true, true, true, true], Enumerable.Range(0, 4).Select(memory.Has));

        memory.Tier.ReleaseLease(lease);
        Assert.True(memory.Put(4, owner));
        Assert.Equal(3, Enumerable.Range(0, 5).Count(memory.Has));
        Assert.True(memory.Has(4));
    }

    [Fact]
    public void Put_FullStore_EvictsOthersWhenTheOwnerIsWithinItsQuota()
    {
        using var memory = new TestMemory(budgetBlocks: 4, ThreeBlocks);
        for (int number = 0; number < 4; number++)
        {
            Assert.True(memory.Put(number));
        }

        Assert.True(memory.Put(10, TestMemory.Owner(1)));
        Assert.False(memory.Has(0));
        Assert.Equal((0L, 1L), (memory.Tier.Counters.OverQuotaBlocks, memory.Tier.Counters.EvictedBlocks));
    }

    [Fact]
    public async Task Read_OwnerAtItsQuota_BringsUpBlocksInPlaceOfItsOwn()
    {
        var pool = new SlabPool();
        await using var tiers = new TestTiers(new MemoryFolder(), pool, new TestTimeProvider(), memoryBlocks: 8, options: ThreeBlocks);
        BlockId heavy = TestMemory.Owner(1);
        tiers.PutAll([100, 101, 102, 103]);
        foreach (int number in Enumerable.Range(0, 6))
        {
            tiers.Put(number, owner: heavy);
        }

        for (int round = 0; round < 3; round++)
        {
            int[] wanted = [0, 1, 2, 3, 4, 5];
            Assert.Equal("0 1 2 3 4 5", await tiers.ReadOnAsync(tiers.Store.OpenRead([.. wanted.Select(TestSlabs.Id)], heavy), wanted));
            await tiers.CheckIntegrityAsync();
        }

        // Blocks that were read at once may be over it; the next one brings the owner back.
        tiers.Put(6, owner: heavy);
        Assert.Equal(3, Enumerable.Range(0, 7).Count(number => Has(tiers, number)));
        Assert.All([100, 101, 102, 103], number => Assert.True(Has(tiers, number)));
        Assert.Equal(0, tiers.Store.Counters.EvictedBlocks);
        Assert.True(tiers.Store.Counters.OverQuotaBlocks > 6, $"{tiers.Store.Counters.OverQuotaBlocks} blocks were over the quota");
    }

    [Theory]
    [InlineData(Transport.Grpc)]
    [InlineData(Transport.SlabStreams)]
    public async Task Get_OfAnOwner_CountsWhatComesUpAgainstItsQuota(Transport transport)
    {
        string folder = Directory.CreateTempSubdirectory("kvcluster-quota-").FullName;
        try
        {
            await using TestStore store = await TestStore.StartAsync(
                dataFolder: folder, configure: options => options.OwnerQuotaBytes = 3 * TestMemory.BlockBytes, transport: transport);
            WantedBlock[] wanted = [.. Enumerable.Range(0, 6).Select(number => new WantedBlock(TestSlabs.Id(number), TestSlabs.Expected))];
            await using (var writer = new BlockWriter(store.Client, "prefill-0", TestSlabs.Epoch) { Owner = TestMemory.Owner(1) })
            {
                foreach (WantedBlock block in wanted)
                {
                    TestStore.Enqueue(writer, block.Id, Enumerable.Range(0, TestSlabs.LayerCount));
                }

                await writer.CompleteAsync().Soon();
            }

            // One at a time: nothing is in use together.
            for (int i = 0; i < 2 * wanted.Length; i++)
            {
                await foreach (SlabArrival arrival in store.Reader.ReadAsync([wanted[i % wanted.Length]], TimeSpan.Zero, "test", TestMemory.Owner(1)))
                {
                    TestStore.Consume(arrival, [i % wanted.Length]);
                }

                Assert.InRange((await store.StatAsync()).ByteCount, 1, 3 * TestMemory.BlockBytes);
            }

            Assert.True((await store.StatAsync()).Disk.PromotedBlocks >= wanted.Length);
            RpcException bad = await TestStore.FailsAsync(store.Client.Get(new GetRequest { Owner = ByteString.CopyFromUtf8("me") }).ResponseStream.MoveNext(default));
            Assert.Equal((StatusCode.InvalidArgument, "owner must be 16 bytes, not 2"), (bad.StatusCode, bad.Status.Detail));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void OwnerOf_Root_DiffersByTenantAndTellsNoId()
    {
        BlockId one = BlockIdChain.Root("one", 1, 2);
        BlockId other = BlockIdChain.Root("other", 1, 2);
        Assert.NotEqual(BlockIdChain.OwnerOf(one), BlockIdChain.OwnerOf(other));
        Assert.NotEqual(one, BlockIdChain.OwnerOf(one));
        Assert.NotEqual(BlockIdChain.Next(one, [1]), BlockIdChain.Next(BlockIdChain.OwnerOf(one), [1]));
    }

    private static bool Has(TestTiers tiers, int number)
    {
        using ColdBlock? share = tiers.Store.Memory.Share(TestSlabs.Id(number));
        return share is not null;
    }
}
