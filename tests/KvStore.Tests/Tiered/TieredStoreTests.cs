using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Reads;
using KvCluster.KvStore.Tests.Disk;

namespace KvCluster.KvStore.Tests.Tiered;

public sealed class TieredStoreTests
{
    private static readonly int[] Ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    private readonly SlabPool _pool = new();
    private readonly TestTimeProvider _time = new();

    [Fact]
    public async Task Add_OverTheMemoryBudget_BlocksGoBelowCountAsHeldAndComeBack()
    {
        await using var tiers = new TestTiers(new MemoryFolder(), _pool, _time);
        tiers.PutAll(Ten);
        Assert.Equal(10, tiers.Lookup(Ten));
        await tiers.Disk.FlushAsync(default).Soon();
        Assert.Equal((3, 10), (tiers.Store.Stat().BlockCount, tiers.Lookup(Ten)));
        Assert.Equal("0 1 2 3 4 5 6", await tiers.ReadAsync(0, 1, 2, 3, 4, 5, 6));
        Assert.Equal(7, tiers.Store.Counters.PromotedBlocks);
        await tiers.Disk.FlushAsync(default).Soon();
        Assert.Equal(10, tiers.Disk.Counters.WrittenBlocks);
        await tiers.CheckIntegrityAsync();
    }

    [Fact]
    public async Task Add_Tails_NeverGoBelow()
    {
        await using var tiers = new TestTiers(new MemoryFolder(), _pool, _time);
        foreach (int number in Ten)
        {
            tiers.Put(number, transient: true);
        }

        await tiers.Store.FlushAsync(default).Soon();
        Assert.Equal((0, 0L), (tiers.Disk.Stat().BlockCount, tiers.Disk.Counters.WrittenBlocks));
        Assert.Equal("9", await tiers.ReadAsync(9));
        Assert.Equal("", await tiers.ReadAsync(9));
    }

    [Fact]
    public async Task Lookup_SecondTime_WritesBelowAtOnce()
    {
        await using var tiers = new TestTiers(new MemoryFolder(), _pool, _time, unprovenBytesPerSecond: 0);
        tiers.PutAll([1, 2]);
        Assert.Equal(1, tiers.Lookup([1]));
        Assert.Equal(1, tiers.Lookup([1]));
        await tiers.Disk.FlushAsync(default).Soon();
        Assert.Equal([1], await TestDisk.RightOnesAsync(tiers.Disk, [1, 2]));
        tiers.PutAll([3, 4, 5, 6]);
        await tiers.Disk.FlushAsync(default).Soon();
        Assert.Equal([1], await TestDisk.RightOnesAsync(tiers.Disk, Ten));
        Assert.Equal(2, tiers.Disk.Counters.DeclinedBlocks);
    }

    [Fact]
    public async Task Read_ByTwoAtOnce_FetchesOnce()
    {
        using var folder = new FaultyFolder(new MemoryFolder());
        await using var tiers = new TestTiers(folder, _pool, _time);
        tiers.PutAll(Ten);
        await tiers.Disk.FlushAsync(default).Soon();
        folder.StopReads();
        ReadSession first = tiers.Store.OpenRead([TestSlabs.Id(0)]);
        ReadSession second = tiers.Store.OpenRead([TestSlabs.Id(0)]);
        Task<string> both = Task.WhenAll(tiers.ReadOnAsync(first, 0), tiers.ReadOnAsync(second, 0))
            .ContinueWith(task => string.Join('|', task.Result), TaskScheduler.Default);
        folder.ResumeReads();
        Assert.Equal("0|0", await both.Soon());
        Assert.Equal(1, tiers.Disk.Counters.ReadBlocks);
    }

    [Fact]
    public async Task Lookup_LeasedBlocksBelow_OutliveAnyNumberOfWrites()
    {
        await using var tiers = new TestTiers(new MemoryFolder(), _pool, _time);
        tiers.PutAll(Ten);
        await tiers.Disk.FlushAsync(default).Soon();
        string lease = tiers.Lease(0, 1, 2, 9);
        foreach (int number in Enumerable.Range(100, 500))
        {
            tiers.PutAll([number]);
            await tiers.Disk.FlushAsync(default).Soon();
        }

        Assert.Equal("0 1 2 9", await tiers.ReadAsync(0, 1, 2, 9));
        Assert.Equal("", await tiers.ReadAsync(3));
        tiers.Store.ReleaseLease(lease);
        Assert.Equal(0, tiers.Disk.Stat().HeldBlockCount);
        lease = tiers.Lease(0);
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.False(tiers.Store.TryRenewLease(lease, TimeSpan.FromSeconds(1)));
        Assert.Equal(0, tiers.Disk.Stat().HeldBlockCount);
        await tiers.CheckIntegrityAsync();
    }

    [Fact]
    public async Task Read_DamagedBelow_SaysLostAndTakesAFreshCopy()
    {
        var folder = new MemoryFolder();
        await using var tiers = new TestTiers(folder, _pool, _time);
        tiers.PutAll(Ten);
        await tiers.Disk.FlushAsync(default).Soon();
        using (KvStore.Disk.Files.IDiskFile file = folder.Open(folder.FileNames()[0]))
        {
            file.Write([new byte[1000]], 64 + 128 + 128);
        }

        ReadSession session = tiers.Store.OpenRead([TestSlabs.Id(0)]);
        ReadStep step = tiers.Store.Read(session);
        while (step.Kind == ReadStepKind.Idle)
        {
            await step.Wake!.Soon();
            step = tiers.Store.Read(session);
        }

        Assert.Equal(ReadStepKind.Lost, step.Kind);
        Assert.Equal(0, tiers.Lookup([0]));
        Assert.Equal((ReadStepKind.Idle, false), (tiers.Store.Read(session).Kind, tiers.Store.Read(session).IsFetching));
        tiers.PutAll([0]);
        Assert.Equal("0", await tiers.ReadOnAsync(session, 0));
        Assert.Equal(1, tiers.Disk.Counters.CorruptBlocks);
        await tiers.CheckIntegrityAsync();
    }

    [Fact]
    public async Task ReportCorrupt_GoodCopyBelow_ReadGoesOnFromThere()
    {
        await using var tiers = new TestTiers(new MemoryFolder(), _pool, _time);
        tiers.PutAll([1]);
        await tiers.Store.FlushAsync(default).Soon();
        ReadSession session = tiers.Store.OpenRead([TestSlabs.Id(1)]);
        ReadStep step = tiers.Store.Read(session);
        step.Slab!.Dispose();
        tiers.Store.ReportCorrupt(step.Cursor!, step.Layer);
        Assert.Equal("1", await tiers.ReadOnAsync(session, 1));
        Assert.Equal((1L, 1L), (tiers.Store.Counters.CorruptSlabs, tiers.Store.Counters.PromotedBlocks));
        await tiers.CheckIntegrityAsync();
    }

    [Fact]
    public async Task Drop_WhileItComesUp_DoesNotArrive()
    {
        using var folder = new FaultyFolder(new MemoryFolder());
        await using var tiers = new TestTiers(folder, _pool, _time);
        tiers.PutAll(Ten);
        await tiers.Disk.FlushAsync(default).Soon();
        folder.StopReads();
        ReadSession session = tiers.Store.OpenRead([TestSlabs.Id(0)]);
        Assert.True(tiers.Store.Drop(TestSlabs.Id(0)));
        folder.ResumeReads();
        Assert.Equal("", await tiers.ReadOnAsync(session, 0));
        Assert.Equal(0, tiers.Lookup([0]));
        await tiers.CheckIntegrityAsync();
    }

    [Fact]
    public async Task Read_NoRoomInMemory_WaitsForRoomAndGoesOn()
    {
        await using var tiers = new TestTiers(new MemoryFolder(), _pool, _time);
        tiers.PutAll(Ten);
        await tiers.Disk.FlushAsync(default).Soon();
        string lease = tiers.Lease(7, 8, 9);
        ReadSession session = tiers.Store.OpenRead([TestSlabs.Id(0)]);
        ReadStep step = tiers.Store.Read(session);
        Assert.Equal((ReadStepKind.Idle, false), (step.Kind, step.IsFetching));
        Assert.Equal(PutResult.StoreFull, tiers.Put(20)[0]);
        tiers.Store.ReleaseLease(lease);
        await step.Wake!.Soon();
        Assert.Equal("0", await tiers.ReadOnAsync(session, 0));
        await tiers.CheckIntegrityAsync();
    }

    [Fact]
    public async Task Read_NoRoomButThatOfABlockWhoseTierThrows_GoesOnWithThatRoom()
    {
        using var folder = new FaultyFolder(new MemoryFolder());
        await using var tiers = new TestTiers(folder, _pool, _time, memoryBlocks: 4);
        tiers.PutAll(Ten);
        await tiers.Disk.FlushAsync(default).Soon();
        string lease = tiers.Lease(8, 9);
        folder.StopReads();
        folder.NextReadError = new InsufficientMemoryException("The system gives no more.");
        ReadSession failing = tiers.Store.OpenRead([TestSlabs.Id(0)]);
        ReadSession waiting = tiers.Store.OpenRead([TestSlabs.Id(1)]);
        ReadStep step = tiers.Store.Read(waiting);
        Assert.Equal((ReadStepKind.Idle, false, 1), (step.Kind, step.IsFetching, failing.FetchCount));

        folder.ResumeReads();

        await step.Wake!.Soon();
        Assert.Equal("1", await tiers.ReadOnAsync(waiting, 1));
        Assert.Equal("0", await tiers.ReadOnAsync(failing, 0));
        Assert.Equal(1, tiers.Disk.Counters.FailedReads);
        tiers.Store.ReleaseLease(lease);
        await tiers.CheckIntegrityAsync();
    }

    [Fact]
    public async Task CloseRead_WhileBlocksComeUp_LeavesNothingPinned()
    {
        using var folder = new FaultyFolder(new MemoryFolder());
        await using var tiers = new TestTiers(folder, _pool, _time);
        tiers.PutAll(Ten);
        await tiers.Disk.FlushAsync(default).Soon();
        folder.StopReads();
        ReadSession session = tiers.Store.OpenRead([.. Ten[..7].Select(TestSlabs.Id)]);
        tiers.Store.CloseRead(session);
        folder.ResumeReads();
        await Eventually.TrueAsync(() => tiers.Store.Counters.PromotedBlocks > 0);
        Assert.Equal(10, tiers.Lookup(Ten));
        await Eventually.TrueAsync(() => tiers.Store.Stat().ReadBlockCount == 0);
        await tiers.CheckIntegrityAsync();
    }

    [Fact]
    public async Task FlushAsync_ThenReopen_HasEveryBlock()
    {
        var folder = new MemoryFolder();
        await using (var tiers = new TestTiers(folder, _pool, _time, memoryBlocks: 20, unprovenBytesPerSecond: 0))
        {
            tiers.PutAll(Ten);
            Assert.Equal(10, await tiers.Store.FlushAsync(default).Soon());
        }

        await using var again = new TestTiers(folder, _pool, _time);
        Assert.Equal(10, again.Lookup(Ten));
        Assert.Equal("0 1 2 3 4 5 6 7 8 9", await again.ReadAsync(Ten));
    }
}
