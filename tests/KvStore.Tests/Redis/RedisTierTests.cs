using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tests.Disk;

namespace KvCluster.KvStore.Tests.Redis;

public sealed class RedisTierTests
{
    private readonly SlabPool _pool = new();

    [Fact]
    public async Task Write_TwoShards_EachFindsWhatTheOtherWrote()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier one = await TestRedis.OpenAsync(server, _pool);
        RedisTier other = await TestRedis.OpenAsync(server, _pool);

        await TestRedis.WriteAsync(one, _pool, 1, 2, 3);
        Assert.False(other.TryGetSize(TestSlabs.Id(2), out _));
        Assert.Equal([1, 2, 3], await TestRedis.LocateAsync(other, 0, 1, 2, 3, 4));
        Assert.Equal([1, 2, 3], await TestDisk.RightOnesAsync(other, [0, 1, 2, 3, 4]));
        TimeSpan? ttl = await server.AskAsync(database => database.KeyTimeToLiveAsync(TestRedis.Key(1)));
        Assert.InRange(ttl!.Value, TimeSpan.FromMinutes(59), TimeSpan.FromHours(1));

        // What is there is not sent again.
        RedisTier third = await TestRedis.OpenAsync(server, _pool);
        await TestRedis.WriteAsync(third, _pool, 2, 4);
        Assert.Equal((1, 1), (third.RedisCounters.SharedBlocks, third.Counters.WrittenBlocks));
        Assert.True(await TestDisk.IsRightAsync(third, 2));

        foreach (RedisTier tier in new[] { one, other, third })
        {
            await TestRedis.CloseAsync(tier, tier == third ? _pool : new SlabPool());
        }
    }

    [Fact]
    public async Task Locate_AChain_EndsAtTheFirstHole()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool);
        int[] all = [.. Enumerable.Range(0, 100)];
        await TestRedis.WriteAsync(tier, _pool, [.. all.Where(number => number != 10)]);
        RedisTier other = await TestRedis.OpenAsync(server, _pool);

        await other.LocateAsync([.. all.Select(TestSlabs.Id)], isChain: true, default).Soon();
        Assert.Equal(8 + 31, other.RedisCounters.LocatedBlocks);
        Assert.Equal(99, (await TestRedis.LocateAsync(other, all)).Count);

        await TestRedis.CloseAsync(tier, _pool);
        await TestRedis.CloseAsync(other, _pool);
    }

    [Fact]
    public async Task Read_AnyBitFlipped_GivesTheRightBytesOrNone()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool);
        await TestRedis.WriteAsync(tier, _pool, 1);
        byte[] value = (await server.AskAsync(database => database.StringGetAsync(TestRedis.Key(1))))!;
        var random = new Random(5);
        int refusedCount = 0;
        using var client = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(server.Connection).Soon();
        for (int flip = 0; flip < 500; flip++)
        {
            int bit = random.Next(8 * value.Length);
            byte[] damaged = [.. value];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            await client.GetDatabase().StringSetAsync(TestRedis.Key(1), damaged).Soon();
            bool wasLocated = (await TestRedis.LocateAsync(tier, 1)).Count == 1;
            bool isRight = await TestDisk.IsRightAsync(tier, 1);
            refusedCount += isRight ? 0 : 1;
            if (!isRight && wasLocated)
            {
                Assert.False(tier.TryGetSize(TestSlabs.Id(1), out _));
                await tier.FlushAsync(default).Soon();
                Assert.False(await client.GetDatabase().KeyExistsAsync(TestRedis.Key(1)).Soon());
            }
        }

        // Only padding and the mark that disks use carry nothing.
        Assert.InRange(refusedCount, 450, 500);
        Assert.InRange(tier.Counters.CorruptBlocks, 400, refusedCount);
        await client.GetDatabase().StringSetAsync(TestRedis.Key(1), value[..^64]).Soon();
        Assert.False(await TestDisk.IsRightAsync(tier, 1));

        // Somebody else's record under this block's name.
        await client.GetDatabase().StringSetAsync(TestRedis.Key(2), value).Soon();
        Assert.Empty(await TestRedis.LocateAsync(tier, 2));
        Assert.False(await TestDisk.IsRightAsync(tier, 2));
        await TestRedis.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Drop_ABlock_IsGoneForAllAndCanBeWrittenAnew()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier one = await TestRedis.OpenAsync(server, _pool);
        RedisTier other = await TestRedis.OpenAsync(server, _pool);
        await TestRedis.WriteAsync(one, _pool, 1, 2);

        Assert.True(one.Drop(TestSlabs.Id(1)));
        Assert.False(one.Drop(TestSlabs.Id(1)));
        Assert.Equal([2], await TestRedis.LocateAsync(one, 1, 2));
        await one.FlushAsync(default).Soon();
        Assert.Equal([2], await TestRedis.LocateAsync(other, 1, 2));
        await TestRedis.WriteAsync(one, _pool, 1);
        Assert.Equal([1, 2], await TestDisk.RightOnesAsync(one, [1, 2]));
        await TestRedis.CloseAsync(one, _pool);
        await TestRedis.CloseAsync(other, _pool);
    }

    [Fact]
    public async Task Read_EvictedBlock_IsAMissAndNotALoss()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool);
        await TestRedis.WriteAsync(tier, _pool, 1);
        Assert.True(await server.AskAsync(database => database.KeyDeleteAsync(TestRedis.Key(1))));

        Assert.True(tier.TryGetSize(TestSlabs.Id(1), out _));
        Assert.Equal(default, await tier.ReadAsync(TestSlabs.Id(1)).Soon());
        Assert.False(tier.TryGetSize(TestSlabs.Id(1), out _));
        Assert.Equal((1, 0), (tier.RedisCounters.VanishedBlocks, tier.Counters.CorruptBlocks));
        await TestRedis.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Write_FullServer_IsCountedAndTheRestIsServed()
    {
        await using RedisServer server = await RedisServer.StartAsync("--maxmemory", "4mb", "--maxmemory-policy", "noeviction");
        RedisTier tier = await TestRedis.OpenAsync(server, _pool, queueBytes: 16 << 20);
        for (int number = 0; number < 40; number++)
        {
            await tier.WaitForRoomAsync(default).Soon();
            tier.TryWrite(TestDisk.Block(_pool, number, payloadBytes: 64 << 10));
        }

        await tier.FlushAsync(default).Soon();
        Assert.InRange(tier.Counters.WrittenBlocks, 1, 39);
        Assert.Equal(40, tier.Counters.WrittenBlocks + tier.Counters.FailedWrites);
        Assert.True(tier.IsAnswering);
        Assert.True(await TestDisk.IsRightAsync(tier, 0, payloadBytes: 64 << 10));
        await TestRedis.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Ask_FrozenServer_EndsWithinItsLimitAndIsGivenUpUntilItThaws()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool, timeout: TimeSpan.FromMilliseconds(200));
        await TestRedis.WriteAsync(tier, _pool, 1, 2);

        server.Freeze();
        Assert.Equal(default, await tier.ReadAsync(TestSlabs.Id(1)).Soon());
        await tier.LocateAsync([TestSlabs.Id(3)], isChain: true, default).Soon();
        await Eventually.TrueAsync(() => !tier.IsAnswering);
        Assert.False(tier.TryGetSize(TestSlabs.Id(1), out _));

        // Given up: nobody waits.
        Assert.True(tier.LocateAsync([TestSlabs.Id(1)], isChain: true, default).IsCompletedSuccessfully);
        Assert.True(tier.ReadAsync(TestSlabs.Id(1)).IsCompletedSuccessfully);
        await TestRedis.WriteAsync(tier, _pool, 4);
        Assert.Equal((1, 1), (tier.RedisCounters.Outages, tier.Counters.PausedSkips));
        Assert.InRange(tier.RedisCounters.Timeouts, 2, 100);

        server.Thaw();
        await Eventually.TrueAsync(() => tier.IsAnswering);
        Assert.Equal([1, 2], await TestRedis.LocateAsync(tier, 1, 2, 4));
        Assert.Equal([1, 2], await TestDisk.RightOnesAsync(tier, [1, 2, 4]));
        await TestRedis.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Drop_FrozenServer_IsForgottenAtOnceAndDeletedLater()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool, timeout: TimeSpan.FromMilliseconds(200));
        await TestRedis.WriteAsync(tier, _pool, 1, 2);
        server.Freeze();
        await tier.ReadAsync(TestSlabs.Id(2)).Soon();
        await Eventually.TrueAsync(() => !tier.IsAnswering);
        tier.Drop(TestSlabs.Id(1));
        Assert.Equal(default, await tier.ReadAsync(TestSlabs.Id(1)).Soon());

        server.Thaw();
        await Eventually.TrueAsync(() => tier.IsAnswering);
        Assert.Equal([2], await TestRedis.LocateAsync(tier, 1, 2));
        using var client = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(server.Connection).Soon();
        await Eventually.TrueAsync(() => !client.GetDatabase().KeyExists(TestRedis.Key(1)));
        Assert.True(await TestDisk.IsRightAsync(tier, 2));
        await TestRedis.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Write_FrozenServer_TheQueueIsBoundedAndEndsAsGivenUp()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool, timeout: TimeSpan.FromMilliseconds(200), queueBytes: 4 * 3 * TestSlabs.SizeBytes);
        server.Freeze();
        foreach (int number in Enumerable.Range(0, 100))
        {
            tier.TryWrite(TestDisk.Block(_pool, number));
        }

        Assert.True(tier.Stat().QueuedByteCount <= 4 * 3 * TestSlabs.SizeBytes);
        await tier.WaitForRoomAsync(default).Soon();
        await tier.FlushAsync(default).Soon();
        Assert.Equal((0, 0L), (tier.Stat().QueuedBlockCount, tier.Stat().QueuedByteCount));
        Assert.Equal(100, tier.Counters.SkippedWrites + tier.Counters.FailedWrites);
        Assert.InRange(tier.Counters.QueueFullSkips, 1, 96);
        await TestRedis.CloseAsync(tier, _pool);
        server.Thaw();
    }

    [Fact]
    public async Task Restart_KilledServer_HoldsNothingAndIsUsedAgain()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool);
        await TestRedis.WriteAsync(tier, _pool, 1, 2);

        await server.KillAsync();
        await Eventually.TrueAsync(() => !tier.IsAnswering);
        Assert.False(await TestDisk.IsRightAsync(tier, 1));
        await server.RestartAsync();
        await Eventually.TrueAsync(() => tier.IsAnswering);
        Assert.Empty(await TestRedis.LocateAsync(tier, 1, 2));
        await TestRedis.WriteAsync(tier, _pool, 2, 3);
        Assert.Equal([2, 3], await TestDisk.RightOnesAsync(tier, [1, 2, 3]));
        await TestRedis.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Open_NoServer_HoldsNothingUntilOneStarts()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await server.KillAsync();
        var tier = new RedisTier(
            new RedisTierOptions { Connection = server.Connection, ProbeInterval = TimeSpan.FromMilliseconds(20) },
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
            _pool);
        Assert.False(tier.IsAnswering);
        await TestRedis.WriteAsync(tier, _pool, 1);
        Assert.Equal(default, await tier.ReadAsync(TestSlabs.Id(1)).Soon());

        await server.RestartAsync();
        await Eventually.TrueAsync(() => tier.IsAnswering);
        await TestRedis.WriteAsync(tier, _pool, 1);
        Assert.True(await TestDisk.IsRightAsync(tier, 1));
        await TestRedis.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Flush_FromManyAtOnce_TheWriterOutlivesEveryWake()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool);
        async Task FlushOftenAsync()
        {
            for (int i = 0; i < 10_000; i++)
            {
                await tier.FlushAsync(default);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(FlushOftenAsync))).Soon();
        await TestRedis.WriteAsync(tier, _pool, 1);
        Assert.True(await TestDisk.IsRightAsync(tier, 1));
        await TestRedis.CloseAsync(tier, _pool);
    }

    [Fact]
    public async Task Hold_ABlock_IsCountedUntilItIsGivenBack()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisTier tier = await TestRedis.OpenAsync(server, _pool);
        await TestRedis.WriteAsync(tier, _pool, 1);
        Assert.True(tier.TryHold(TestSlabs.Id(1)));
        Assert.True(tier.TryHold(TestSlabs.Id(1)));
        Assert.False(tier.TryHold(TestSlabs.Id(2)));
        tier.Unhold(TestSlabs.Id(1));
        Assert.Equal(1, tier.Stat().HeldBlockCount);
        tier.Unhold(TestSlabs.Id(1));
        Assert.Equal(0, tier.Stat().HeldBlockCount);
        await TestRedis.CloseAsync(tier, _pool);
    }
}
