using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;

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
    public void OwnerOf_Root_DiffersByTenantAndTellsNoId()
    {
        BlockId one = BlockIdChain.Root("one", 1, 2);
        BlockId other = BlockIdChain.Root("other", 1, 2);
        Assert.NotEqual(BlockIdChain.OwnerOf(one), BlockIdChain.OwnerOf(other));
        Assert.NotEqual(one, BlockIdChain.OwnerOf(one));
        Assert.NotEqual(BlockIdChain.Next(one, [1]), BlockIdChain.Next(BlockIdChain.OwnerOf(one), [1]));
    }
}
