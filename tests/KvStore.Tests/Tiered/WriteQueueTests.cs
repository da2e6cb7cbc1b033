using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Tests.Disk;

namespace KvCluster.KvStore.Tests.Tiered;

public sealed class WriteQueueTests
{
    private readonly Lock _gate = new();
    private readonly ColdCounters _counters = new();

    [Fact]
    public void TryTakeNext_CancelledAndAddedAgain_IsTakenOnce()
    {
        var pool = new SlabPool();
        var queue = new WriteQueue<BlockId>(_gate, 1 << 20, _counters);
        Assert.True(queue.TryAdd(TestDisk.Block(pool, 1)));
        Assert.True(queue.Cancel(TestSlabs.Id(1)));
        ColdBlock again = TestDisk.Block(pool, 1);
        Assert.True(queue.TryAdd(again));

        Assert.True(queue.TryTakeNext(out ColdBlock? taken));
        Assert.Same(again, taken);
        Assert.False(queue.TryTakeNext(out _));
        Assert.True(queue.Remove(again));
        again.Dispose();
    }

    [Fact]
    public async Task WaitForRoomAsync_QueueIsFull_EndsWhenABlockLeavesOrTheQueueCloses()
    {
        var pool = new SlabPool();
        ColdBlock first = TestDisk.Block(pool, 1);
        var queue = new WriteQueue<BlockId>(_gate, first.SizeBytes, _counters);
        Assert.True(queue.TryAdd(first));
        using ColdBlock second = TestDisk.Block(pool, 2);
        Assert.False(queue.TryAdd(second));
        Assert.Equal(1, _counters.QueueFullSkips);

        Task left = queue.WaitForRoomAsync(TestContext.Current.CancellationToken);
        Assert.False(left.IsCompleted);
        Assert.True(queue.Cancel(first.Id));
        await left.Soon();

        Assert.True(queue.TryAdd(TestDisk.Block(pool, 3)));
        Task closed = queue.WaitForRoomAsync(TestContext.Current.CancellationToken);
        Assert.False(closed.IsCompleted);
        queue.Close();
        await closed.Soon();
    }
}
