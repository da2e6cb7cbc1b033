using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Isolation;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.KvStore.Tests.Redis;
using KvCluster.V1;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvCluster.KvStore.Tests.Isolation;

public sealed class SealedTierTests
{
    private static readonly int[] Old = [1, 2, 3];
    private static readonly int[] Young = [4, 5, 6];
    private static readonly int[] All = [.. Old, .. Young];
    private readonly SlabPool _pool = new();

    [Fact]
    public async Task Disk_KeysRotated_OldAndNewAreReadAndTheFolderShowsNothing()
    {
        using var folder = new TestFolder();
        await WriteAsync(folder, TestKeys.Cipher("a"), Old);
        await WriteAsync(folder, TestKeys.Cipher("b", "a"), Young);
        Assert.Equal(All, await RightOnesAsync(folder, TestKeys.Cipher("b", "a"), 0));
        foreach (string path in Directory.GetFiles(folder.Path))
        {
            Assert.DoesNotContain(All, number => TestKeys.ShowsPayload(File.ReadAllBytes(path), number));
        }

        // Without the old key its blocks are missing, and with it they are there again.
        Assert.Equal(Young, await RightOnesAsync(folder, TestKeys.Cipher("b"), Old.Length));
        Assert.Equal([], await RightOnesAsync(folder, RecordCipher.None, All.Length));
        Assert.Equal(All, await RightOnesAsync(folder, TestKeys.Cipher("c", "b", "a"), 0));
    }

    [Fact]
    public async Task Disk_PlainFolder_StaysReadableWithKeys()
    {
        using var folder = new TestFolder();
        await WriteAsync(folder, RecordCipher.None, Old);
        Assert.Contains(Old, number => TestKeys.ShowsPayload(File.ReadAllBytes(folder.Segment(0)), number));
        await WriteAsync(folder, TestKeys.Cipher("a"), Young);
        Assert.Equal(All, await RightOnesAsync(folder, TestKeys.Cipher("a"), 0));
        Assert.Equal(Old, await RightOnesAsync(folder, RecordCipher.None, Young.Length));
    }

    [Fact]
    public async Task Disk_ScannedWithoutItsKey_KeepsItsBlocks()
    {
        using var folder = new TestFolder();
        await WriteAsync(folder, TestKeys.Cipher("a"), Old);
        byte[] bytes = await File.ReadAllBytesAsync(folder.Segment(0));
        await File.WriteAllBytesAsync(folder.Segment(0), bytes[..^10]);
        DiskTier blind = Open(folder, RecordCipher.None);
        Assert.Equal((Old.Length, 0L), (blind.Stat().BlockCount, blind.Counters.CorruptBlocks));
        await TestDisk.CloseAsync(blind, _pool);
        Assert.Equal(Old, await RightOnesAsync(folder, TestKeys.Cipher("a"), 0));
    }

    [Fact]
    public async Task Disk_ReclaimedSegment_IsCarriedUnderTheNewKey()
    {
        using var folder = new TestFolder();
        await WriteAsync(folder, TestKeys.Cipher("a"), Old);
        DiskTier tier = Open(folder, TestKeys.Cipher("b", "a"), budgetBytes: 8 * TestDisk.SegmentBytes);
        Assert.True(tier.TryHold(TestSlabs.Id(1)));
        await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(100, 100));
        Assert.InRange(tier.Counters.CarriedBlocks, 1, 100);
        tier.Unhold(TestSlabs.Id(1));
        await TestDisk.CloseAsync(tier, _pool);

        DiskTier young = Open(folder, TestKeys.Cipher("b"));
        Assert.True(await TestDisk.IsRightAsync(young, 1));
        await TestDisk.CloseAsync(young, _pool);
    }

    [Fact]
    public async Task Disk_KeyMissing_IsLoggedOnce()
    {
        using var folder = new TestFolder();
        await WriteAsync(folder, TestKeys.Cipher("a"), Old);
        var log = new LinesLogger();
        DiskTier tier = DiskTier.Open(
            DataFolder.Acquire(folder.Path), new DiskTierOptions { BudgetBytes = TestDisk.BudgetBytes, SegmentSizeBytes = TestDisk.SegmentBytes }, TimeProvider.System, log, _pool, TestKeys.Cipher("b"));
        Assert.Empty(await TestDisk.RightOnesAsync(tier, Old));
        Assert.Single(log.Lines, line => line.Contains("EncryptionKeys", StringComparison.Ordinal));
        Assert.Equal((3, 0), (tier.Counters.UnreadableBlocks, tier.Counters.CorruptBlocks));

        // Missing blocks can be written anew.
        await TestDisk.WriteAsync(tier, _pool, Old);
        Assert.Equal(Old, await TestDisk.RightOnesAsync(tier, Old));
        await TestDisk.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Redis_KeysRotated_OldAndNewAreReadForeignAndPlainAreMissing()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await WriteAsync(server, RecordCipher.None, 9);
        await WriteAsync(server, TestKeys.Cipher("a"), Old);
        await WriteAsync(server, TestKeys.Cipher("b", "a"), [3, .. Young]);
        foreach (int number in All)
        {
            byte[] value = (await server.AskAsync(database => database.StringGetAsync(TestRedis.Key(number))))!;
            Assert.False(TestKeys.ShowsPayload(value, number));
        }

        Assert.Equal(All, await RightOnesAsync(server, TestKeys.Cipher("b", "a")));

        // Block 3 was written again under the new key; a plain value may be anybody's.
        Assert.Equal([3, .. Young], await RightOnesAsync(server, TestKeys.Cipher("b")));
        Assert.Equal([9], await RightOnesAsync(server, RecordCipher.None));
        Assert.Equal(All, await RightOnesAsync(server, TestKeys.Cipher("c", "b", "a")));
    }

    [Fact]
    public async Task Host_WithKeys_ServesFromDiskAndRedisAndShowsNothing()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using var folder = new TestFolder();
        int[] blocks = [.. Enumerable.Range(0, 30)];
        await using (TestStore store = await StartAsync(server, folder.Path, "a"))
        {
            await store.PutAsync(blocks.Select(TestSlabs.Id));
            await store.EventuallyAsync(stat => stat is { Redis: { QueuedByteCount: 0, WrittenBlocks: >= 20 }, Disk: { QueuedByteCount: 0, BlockCount: >= 20 } });
        }

        foreach (string path in Directory.GetFiles(folder.Path))
        {
            Assert.DoesNotContain(blocks, number => TestKeys.ShowsPayload(File.ReadAllBytes(path), number));
        }

        foreach (int number in blocks.Take(20))
        {
            byte[] value = (await server.AskAsync(database => database.StringGetAsync(TestRedis.Key(number))))!;
            Assert.False(TestKeys.ShowsPayload(value, number));
        }

        await using (TestStore restarted = await StartAsync(server, folder.Path, "b", "a"))
        {
            Assert.Equal("7:0 7:1 7:2", await restarted.GetAllAsync([7]));
            Assert.Equal(1, (await restarted.StatAsync()).Disk.ReadBlocks);
        }

        await using (TestStore other = await StartAsync(server, "", "b", "a"))
        {
            Assert.Equal("7:0 7:1 7:2", await other.GetAllAsync([7]));
        }

        await using TestStore stranger = await StartAsync(server, folder.Path, "z");
        Assert.Equal("7:Missing", await stranger.GetAllAsync([7]));
        StatReply stat = await stranger.StatAsync();
        Assert.Equal((1, 0), (stat.Disk.UnreadableBlocks, stat.Disk.CorruptBlocks));
    }

    private static async Task<TestStore> StartAsync(RedisServer server, string dataFolder, params string[] keyIds)
    {
        TestStore store = await TestStore.StartAsync(
            10 * TestSlabs.LayerCount * TestSlabs.SizeBytes,
            dataFolder: dataFolder,
            configure: options =>
            {
                options.RedisConnection = server.Connection;
                options.RedisTimeoutMs = 20_000;
                options.EncryptionKeys = TestKeys.Setting(keyIds);
            },
            isRealTime: true);
        await store.EventuallyAsync(stat => stat.Redis.IsAnswering);
        return store;
    }

    private DiskTier Open(TestFolder folder, RecordCipher cipher, long budgetBytes = TestDisk.BudgetBytes) => DiskTier.Open(
        DataFolder.Acquire(folder.Path),
        new DiskTierOptions { BudgetBytes = budgetBytes, SegmentSizeBytes = TestDisk.SegmentBytes },
        TimeProvider.System,
        NullLogger.Instance,
        _pool,
        cipher);

    private async Task WriteAsync(TestFolder folder, RecordCipher cipher, int[] numbers)
    {
        DiskTier tier = Open(folder, cipher);
        await TestDisk.WriteAsync(tier, _pool, numbers);
        await TestDisk.CloseAsync(tier, _pool);
    }

    private async Task<List<int>> RightOnesAsync(TestFolder folder, RecordCipher cipher, int unreadableCount)
    {
        DiskTier tier = Open(folder, cipher);
        List<int> right = await TestDisk.RightOnesAsync(tier, All);
        Assert.Equal((unreadableCount, 0), (tier.Counters.UnreadableBlocks, tier.Counters.CorruptBlocks));
        await TestDisk.CloseAsync(tier, _pool);
        return right;
    }

    private async Task WriteAsync(RedisServer server, RecordCipher cipher, params int[] numbers)
    {
        RedisTier tier = await TestRedis.OpenAsync(server, _pool, cipher: cipher);
        await TestRedis.WriteAsync(tier, _pool, numbers);
        await TestRedis.CloseAsync(tier, _pool);
    }

    private async Task<List<int>> RightOnesAsync(RedisServer server, RecordCipher cipher)
    {
        RedisTier tier = await TestRedis.OpenAsync(server, _pool, cipher: cipher);
        List<int> located = await TestRedis.LocateAsync(tier, [.. All, 9]);
        List<int> right = await TestDisk.RightOnesAsync(tier, [.. All, 9]);
        Assert.Equal(located, right);
        Assert.Equal(0, tier.Counters.CorruptBlocks);
        await TestRedis.CloseAsync(tier, _pool);
        return right;
    }

    private sealed class LinesLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Lines)
            {
                Lines.Add(formatter(state, exception));
            }
        }
    }
}
