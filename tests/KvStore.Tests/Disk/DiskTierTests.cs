using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Tests.Disk;

/// <summary>The disk tier by itself: budget, reclamation, holds, full disks, and folders that can't be used.</summary>
public sealed class DiskTierTests
{
    private readonly SlabPool _pool = new();

    [Fact]
    public async Task Open_AfterAPlannedStop_HasEveryBlockFromTheFooters()
    {
        using var folder = new TestFolder();
        DiskTier tier = TestDisk.Open(DataFolder.Acquire(folder.Path), _pool);
        await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(0, 40));
        Assert.True(tier.Stat().SegmentCount > 2);
        await TestDisk.CloseAsync(tier, _pool);

        tier = TestDisk.Open(DataFolder.Acquire(folder.Path), _pool);
        Assert.Equal(40, tier.Stat().BlockCount);
        Assert.Equal(Enumerable.Range(0, 40), await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, 41)));
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Drop_ThenReopen_StaysDropped(bool isSealed)
    {
        using var folder = new MemoryFolder();
        DiskTier tier = TestDisk.Open(folder, _pool);
        await TestDisk.WriteAsync(tier, _pool, [1, 2, 3]);
        if (isSealed)
        {
            await TestDisk.CloseAsync(tier, _pool);
            tier = TestDisk.Open(folder, _pool);
        }

        Assert.True(tier.Drop(TestSlabs.Id(2)));
        Assert.False(tier.Drop(TestSlabs.Id(2)));
        await tier.FlushAsync(default).Soon();
        MemoryFolder afterCrash = folder.Copy();
        await TestDisk.CloseAsync(tier, _pool);
        foreach (MemoryFolder left in new[] { folder, afterCrash })
        {
            tier = TestDisk.Open(left, _pool);
            Assert.Equal([1, 3], await TestDisk.RightOnesAsync(tier, [1, 2, 3]));
            await TestDisk.CloseAsync(tier, _pool);
        }
    }

    [Fact]
    public async Task TryWrite_ManyTimesTheBudget_StaysWithinItAndKeepsTheNewest()
    {
        using var folder = new MemoryFolder();
        DiskTier tier = TestDisk.Open(folder, _pool);
        for (int number = 0; number < 1000; number += 10)
        {
            await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(number, 10));
            Assert.InRange(tier.Stat().ByteCount, 1, TestDisk.BudgetBytes);
        }

        Assert.Equal(tier.Stat().ByteCount, folder.FileNames().Sum(name => (long)folder.Bytes(name).Length) + FooterRoom(tier));
        Assert.Equal(Enumerable.Range(950, 50), await TestDisk.RightOnesAsync(tier, Enumerable.Range(950, 50)));
        Assert.True(tier.Counters.ReclaimedBlocks > 500);
        Assert.Equal(1000, tier.Stat().BlockCount + tier.Counters.ReclaimedBlocks);
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task TryWrite_OverTheBudget_CarriesOverWhatIsHeldOrWasRead()
    {
        using var folder = new MemoryFolder();
        DiskTier tier = TestDisk.Open(folder, _pool);
        await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(0, 8));
        Assert.True(tier.TryHold(TestSlabs.Id(2)));
        for (int number = 100; number < 700; number += 5)
        {
            await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(number, 5));
            Assert.True(await TestDisk.IsRightAsync(tier, 5));
        }

        Assert.Equal([2, 5], await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, 8)));
        Assert.True(tier.Counters.CarriedBlocks >= 4);
        tier.Unhold(TestSlabs.Id(2));
        await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(1000, 600));
        Assert.Empty(await TestDisk.RightOnesAsync(tier, [2, 5]));
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task TryWrite_EverythingHeld_SkipsAndCounts()
    {
        using var folder = new MemoryFolder();
        DiskTier tier = TestDisk.Open(folder, _pool);
        int heldCount = 0;
        while (tier.Counters.NoRoomSkips == 0)
        {
            await TestDisk.WriteAsync(tier, _pool, [heldCount]);
            heldCount += tier.TryHold(TestSlabs.Id(heldCount)) ? 1 : 0;
        }

        Assert.Equal(heldCount, (await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, heldCount + 1))).Count);
        Assert.True(heldCount * TestSlabs.LayerCount * TestSlabs.SizeBytes > TestDisk.BudgetBytes / 2);
        for (int number = 0; number < heldCount; number++)
        {
            tier.Unhold(TestSlabs.Id(number));
        }

        await TestDisk.WriteAsync(tier, _pool, [5000]);
        Assert.True(await TestDisk.IsRightAsync(tier, 5000));
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Drop_MostBlocks_CompactsTheFiles()
    {
        using var folder = new MemoryFolder();
        DiskTier tier = TestDisk.Open(folder, _pool);
        await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(0, 100));
        long before = tier.Stat().ByteCount;
        for (int number = 0; number < 100; number++)
        {
            Assert.True(number % 10 == 0 || tier.Drop(TestSlabs.Id(number)));
        }

        await tier.FlushAsync(default).Soon();
        await Eventually.TrueAsync(() => tier.Stat().ByteCount < before / 3);
        Assert.Equal(Enumerable.Range(0, 10).Select(tenth => 10 * tenth), await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, 100)));
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task TryWrite_FullDisk_DegradesIsCountedAndRecovers()
    {
        var time = new TestTimeProvider();
        using var memory = new MemoryFolder();
        using var folder = new FaultyFolder(memory);
        DiskTier tier = TestDisk.Open(folder, _pool, time);
        await TestDisk.WriteAsync(tier, _pool, [1, 2]);
        folder.MaxFileBytes = 4_000;
        await TestDisk.WriteAsync(tier, _pool, [3]);
        Assert.Equal(1, tier.Counters.FailedWrites);
        await TestDisk.WriteAsync(tier, _pool, [4]);
        Assert.Equal((1, 1), (tier.Counters.FailedWrites, tier.Counters.PausedSkips));
        Assert.Equal([1, 2], await TestDisk.RightOnesAsync(tier, [1, 2, 3, 4]));
        DiskTier afterCrash = TestDisk.Open(memory.Copy(), _pool);
        Assert.Equal([1, 2], await TestDisk.RightOnesAsync(afterCrash, [1, 2, 3, 4]));
        await TestDisk.CloseAsync(afterCrash, _pool);

        time.Advance(TimeSpan.FromSeconds(6));
        folder.MaxFileBytes = long.MaxValue;
        await TestDisk.WriteAsync(tier, _pool, [5]);
        Assert.Equal([1, 2, 5], await TestDisk.RightOnesAsync(tier, [1, 2, 3, 4, 5]));
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task TryWrite_SlowDisk_SkipsWhatTheQueueCannotHoldAndServesWhatItCan()
    {
        using var memory = new MemoryFolder();
        using var folder = new FaultyFolder(memory);
        DiskTier tier = TestDisk.Open(folder, _pool, queueBytes: 4 * TestSlabs.LayerCount * TestSlabs.SizeBytes);
        folder.StopWrites();
        int takenCount = Enumerable.Range(0, 10).Count(number => tier.TryWrite(TestDisk.Block(_pool, number)));
        Assert.Equal((4, 6L), (takenCount, tier.Counters.QueueFullSkips));
        Assert.Equal([0, 1, 2, 3], await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, 10)));
        Assert.True(tier.Drop(TestSlabs.Id(0)));
        Assert.True(tier.Drop(TestSlabs.Id(3)));
        folder.ResumeWrites();
        await tier.FlushAsync(default).Soon();
        Assert.Equal([1, 2], await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, 10)));
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task ReadAsync_DeviceFails_IsLostCountedAndForgotten()
    {
        using var memory = new MemoryFolder();
        using var folder = new FaultyFolder(memory);
        DiskTier tier = TestDisk.Open(folder, _pool);
        await TestDisk.WriteAsync(tier, _pool, [1]);
        folder.FailsReads = true;
        Assert.True((await tier.ReadAsync(TestSlabs.Id(1)).Soon()).WasLost);
        Assert.Equal(1, tier.Counters.FailedReads);
        Assert.False(tier.TryGetSize(TestSlabs.Id(1), out _));
        folder.FailsReads = false;
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task ReadAsync_WhileSegmentsAreReclaimed_GivesRightBytesOrNone()
    {
        using var folder = new TestFolder();
        DiskTier tier = TestDisk.Open(new FaultyFolder(DataFolder.Acquire(folder.Path)) { SkipsFlush = true }, _pool);
        using var stop = new CancellationTokenSource();
        int next = 0;
        int readCount = 0;
        Task writer = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await tier.WaitForRoomAsync(default);
                tier.TryWrite(TestDisk.Block(_pool, Volatile.Read(ref next)));
                Interlocked.Increment(ref next);
            }
        });
        Task[] readers = [.. Enumerable.Range(0, 3).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            while (!stop.IsCancellationRequested)
            {
                int number = Math.Max(0, Volatile.Read(ref next) - random.Next(200));
                if (await TestDisk.IsRightAsync(tier, number))
                {
                    Interlocked.Increment(ref readCount);
                }

                if (random.Next(20) == 0)
                {
                    tier.Drop(TestSlabs.Id(number));
                }
                else if (random.Next(10) == 0 && tier.TryHold(TestSlabs.Id(number)))
                {
                    Assert.True(await TestDisk.IsRightAsync(tier, number) || !tier.TryGetSize(TestSlabs.Id(number), out _));
                    tier.Unhold(TestSlabs.Id(number));
                }
            }
        }))];
        await Eventually.TrueAsync(() => Volatile.Read(ref readCount) > 500 && tier.Counters.ReclaimedBlocks > 200);
        await stop.CancelAsync();
        await Task.WhenAll([writer, .. readers]).Soon();
        Assert.Equal(0, tier.Counters.CorruptBlocks);
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Acquire_FolderInUse_SaysWhichFileAndWhatToDo()
    {
        using var folder = new TestFolder();
        DiskTier tier = TestDisk.Open(DataFolder.Acquire(folder.Path), _pool);
        DataFolderException error = Assert.Throws<DataFolderException>(() => DataFolder.Acquire(folder.Path));
        Assert.Contains(Path.Combine(folder.Path, "lock"), error.Message, StringComparison.Ordinal);
        Assert.Contains("Another KvStore", error.Message, StringComparison.Ordinal);
        await TestDisk.CloseAsync(tier, _pool);
        DataFolder.Acquire(folder.Path).Dispose();
    }

    [Fact]
    public void Acquire_NotAFolder_SaysWhatToDo()
    {
        using var folder = new TestFolder();
        string file = Path.Combine(folder.Path, "file");
        File.WriteAllText(file, "");
        Assert.Contains("Choose another folder", Assert.Throws<DataFolderException>(() => DataFolder.Acquire(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_SegmentOfANewerVersion_SaysWhichFileAndWhatToDo()
    {
        using var folder = new MemoryFolder();
        DiskTier tier = TestDisk.Open(folder, _pool);
        await TestDisk.WriteAsync(tier, _pool, [1]);
        await TestDisk.CloseAsync(tier, _pool);
        string name = Assert.Single(folder.FileNames());
        byte[] bytes = folder.Bytes(name);
        bytes[4] = 3;
        BitConverter.TryWriteBytes(bytes.AsSpan(60), Crc32C.Compute(bytes.AsSpan(0, 60)));
        folder.SetBytes(name, bytes);
        DataFolderException error = Assert.Throws<DataFolderException>(() => TestDisk.Open(folder, _pool));
        Assert.Contains($"{name} has format version 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("delete the file", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, SegmentHeader.MaxVersion);
    }

    /// <summary>What the active segment's footer will take.</summary>
    private static long FooterRoom(DiskTier tier) => tier.ActiveFooterBytes();
}
