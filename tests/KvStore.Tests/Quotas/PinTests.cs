using Grpc.Core;
using KvCluster.KvStore.Leases;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests.Quotas;

public sealed class PinTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public void Pin_UntilItsTimeIsOver_KeepsAPrefixFromEviction()
    {
        using var memory = new TestMemory(budgetBlocks: 8, new MemoryTierOptions());
        memory.Put(0);
        memory.Put(1);
        PinOutcome pin = memory.Tier.Pin([TestSlabs.Id(0), TestSlabs.Id(1), TestSlabs.Id(2)], Hour);
        Assert.Equal(2, pin.BlockCount);
        Assert.Equal(2 * TestMemory.BlockBytes, memory.Tier.Stat().PinnedByteCount);
        Fill(memory);
        Assert.True(memory.Has(0) && memory.Has(1));

        memory.Time.Advance(Hour);
        Assert.Equal(0, memory.Tier.Stat().PinnedByteCount);
        Fill(memory);
        Assert.False(memory.Has(0) || memory.Has(1));
    }

    [Fact]
    public void Pin_Every_LooksPastBlocksThatAreNotHere()
    {
        using var memory = new TestMemory(budgetBlocks: 8, new MemoryTierOptions());
        memory.Put(1);
        memory.Put(3);
        Assert.Equal(0, memory.Tier.Pin([TestSlabs.Id(0), TestSlabs.Id(1), TestSlabs.Id(2), TestSlabs.Id(3)], Hour).BlockCount);
        PinOutcome pin = memory.Tier.Pin([TestSlabs.Id(0), TestSlabs.Id(1), TestSlabs.Id(2), TestSlabs.Id(3)], Hour, every: true);
        Assert.Equal(2, pin.BlockCount);
        Fill(memory);
        Assert.True(memory.Has(1) && memory.Has(3));
        memory.Tier.ReleaseLease(pin.PinId);
        Fill(memory);
        Assert.False(memory.Has(1) || memory.Has(3));
    }

    [Fact]
    public void Pin_BeyondTheirShareOfTheBudget_IsRefusedUntilAnotherIsUnpinned()
    {
        using var memory = new TestMemory(budgetBlocks: 8, new MemoryTierOptions());
        foreach (int number in Enumerable.Range(0, 4))
        {
            memory.Put(number);
        }

        PinOutcome first = memory.Tier.Pin([TestSlabs.Id(0), TestSlabs.Id(1)], Hour);
        PinOutcome again = memory.Tier.Pin([TestSlabs.Id(1)], Hour);
        Assert.Equal((2, 1, false), (first.BlockCount, again.BlockCount, again.IsFull));
        Assert.True(memory.Tier.Pin([TestSlabs.Id(2)], Hour).IsFull);

        memory.Tier.ReleaseLease(first.PinId);
        Assert.Equal(TestMemory.BlockBytes, memory.Tier.Stat().PinnedByteCount);
        Assert.Equal(1, memory.Tier.Pin([TestSlabs.Id(2)], Hour).BlockCount);
    }

    [Fact]
    public async Task PinAndUnpin_OverTheWire_CountAndRefuse()
    {
        await using TestStore store = await TestStore.StartAsync(budgetBytes: 8 * TestMemory.BlockBytes);
        await store.PutAsync([TestSlabs.Id(0), TestSlabs.Id(1), TestSlabs.Id(2)]);
        PinReply pin = await store.Client.PinAsync(Request(Hour, 0, 1)).ResponseAsync.Soon();
        Assert.Equal(2, pin.PinnedBlockCount);
        Assert.Equal(2 * TestMemory.BlockBytes, (await store.StatAsync()).PinnedByteCount);

        RpcException full = await TestStore.FailsAsync(store.Client.PinAsync(Request(Hour, 2)).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, full.StatusCode);
        RpcException tooLong = await TestStore.FailsAsync(store.Client.PinAsync(Request(TimeSpan.FromDays(30), 2)).ResponseAsync);
        Assert.Equal(StatusCode.InvalidArgument, tooLong.StatusCode);
        Assert.Contains("MaxPinTime", tooLong.Status.Detail, StringComparison.Ordinal);

        await store.Client.UnpinAsync(new UnpinRequest { PinId = pin.PinId }).ResponseAsync.Soon();
        await store.Client.UnpinAsync(new UnpinRequest { PinId = "unknown" }).ResponseAsync.Soon();
        Assert.Equal(0, (await store.StatAsync()).PinnedByteCount);
        Assert.Equal("", (await store.Client.PinAsync(Request(Hour, 9)).ResponseAsync.Soon()).PinId);
    }

    private static PinRequest Request(TimeSpan time, params int[] numbers) => new()
    {
        PinMs = (long)time.TotalMilliseconds,
        BlockIds = { numbers.Select(number => TestSlabs.Id(number).ToByteString()) },
    };

    private static void Fill(TestMemory memory)
    {
        for (int number = 100; number < 120; number++)
        {
            Assert.True(memory.Put(number));
        }
    }
}
