using KvCluster.KvStore.Reads;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Tests.Quotas;

public sealed class BlockTtlTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromMinutes(8);
    private static readonly MemoryTierOptions Options = new() { BlockTtl = Ttl };

    [Fact]
    public void Lookup_AfterTheTtl_FindsOnlyWhatWasAskedForMeanwhile()
    {
        using var memory = new TestMemory(budgetBlocks: 8, Options);
        memory.Put(0);
        memory.Put(1);
        memory.Time.Advance(Ttl / 2);
        Assert.Equal(1, memory.Tier.Lookup([TestSlabs.Id(0)], TimeSpan.Zero, out _));
        memory.Time.Advance(Ttl / 2);
        Assert.Equal(1, memory.Tier.Stat().BlockCount);
        Assert.Equal(0, memory.Tier.Lookup([TestSlabs.Id(1)], TimeSpan.Zero, out _));
        Assert.True(memory.Has(0));
        memory.Time.Advance(Ttl / 2);
        Assert.Equal(0, memory.Tier.Stat().BlockCount);
        Assert.Equal(2, memory.Tier.Counters.ExpiredBlocks);
    }

    [Fact]
    public void Stat_BlockUnderLeaseOrRead_ExpiresOnlyAfterIt()
    {
        using var memory = new TestMemory(budgetBlocks: 8, Options);
        memory.Put(0);
        memory.Put(1);
        memory.Tier.Lookup([TestSlabs.Id(0)], 3 * Ttl, out string lease);
        ReadSession read = memory.Tier.OpenRead([TestSlabs.Id(1)]);
        memory.Time.Advance(2 * Ttl);
        Assert.Equal(2, memory.Tier.Stat().BlockCount);
        memory.Tier.ReleaseLease(lease);
        memory.Tier.CloseRead(read);
        memory.Time.Advance(Ttl / 4);
        Assert.Equal(0, memory.Tier.Stat().BlockCount);
    }

    [Fact]
    public void OpenRead_ExpiredBlock_WaitsForANewOne()
    {
        using var memory = new TestMemory(budgetBlocks: 8, Options);
        memory.Put(0);
        memory.Time.Advance(Ttl);
        ReadSession read = memory.Tier.OpenRead([TestSlabs.Id(0)]);
        Assert.Equal(ReadStepKind.Idle, memory.Tier.Read(read).Kind);
        memory.Put(0);
        ReadStep step = memory.Tier.Read(read);
        Assert.Equal(ReadStepKind.Slab, step.Kind);
        step.Slab!.Dispose();
        memory.Tier.CloseRead(read);
    }

    [Fact]
    public void Put_WithoutTtl_StaysForEver()
    {
        using var memory = new TestMemory(budgetBlocks: 8, new MemoryTierOptions());
        memory.Put(0);
        memory.Time.Advance(TimeSpan.FromDays(365));
        Assert.Equal(1, memory.Tier.Stat().BlockCount);
    }
}
