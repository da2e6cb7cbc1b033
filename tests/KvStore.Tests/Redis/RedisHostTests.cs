using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.V1;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.KvStore.Tests.Redis;

/// <summary>Whole shards with memory, disk and Redis, over gRPC.</summary>
public sealed class RedisHostTests
{
    private const int BlockBytes = TestSlabs.LayerCount * TestSlabs.SizeBytes;

    [Fact]
    public async Task Get_BlocksOfAShardThatIsGone_ComeFromRedisAndCountAsHeld()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        int[] blocks = [.. Enumerable.Range(0, 40)];
        await using (TestStore first = await StartAsync(server, memoryBlocks: 4))
        {
            await first.PutAsync(blocks.Select(TestSlabs.Id));
            await first.EventuallyAsync(stat => stat.Redis is { QueuedByteCount: 0, WrittenBlocks: >= 36 });
        }

        await using TestStore second = await StartAsync(server, memoryBlocks: 8);
        LookupReply held = await LookupAsync(second, blocks.Take(36), leaseMs: 60_000);
        Assert.Equal(36, held.HeldBlockCount);
        Assert.Equal(AllSlabsOf(blocks.Take(36)), Sorted(await second.GetAllAsync([.. blocks.Take(36)])));
        Assert.Equal(0, (await LookupAsync(second, [1000, 1, 2])).HeldBlockCount);
        StatReply stat = await second.StatAsync();
        Assert.Equal((36, true), (stat.Redis.LocatedBlocks, stat.Redis.IsAnswering));
        Assert.Equal(36, stat.Redis.ReadBlocks);
        await second.Client.ReleaseLeaseAsync(new ReleaseLeaseRequest { LeaseId = held.LeaseId });
        Assert.Equal(0, (await second.StatAsync()).Redis.HeldBlockCount);

        // Dropped for one is dropped for all.
        var drop = new DropRequest { Reason = "test" };
        drop.BlockIds.AddRange(Protocol.BlockIds.ToByteStrings([TestSlabs.Id(3)]));
        await second.Client.DropAsync(drop);
        Assert.Equal("3:Missing", await second.GetAllAsync([3]));
    }

    [Fact]
    public async Task Get_DamagedOnDisk_IsHealedFromRedis()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using var folder = new TestFolder();
        await using TestStore store = await StartAsync(server, memoryBlocks: 2, folder.Path);
        await store.PutAsync([.. Enumerable.Range(0, 12).Select(TestSlabs.Id)]);
        await store.EventuallyAsync(stat => stat.Redis is { QueuedByteCount: 0, WrittenBlocks: >= 10 } && stat.Disk is { QueuedByteCount: 0, BlockCount: >= 10 });
        byte[] bytes = await File.ReadAllBytesAsync(folder.Segment(0));
        for (int at = 64 + 512; at < bytes.Length; at += 1664)
        {
            bytes[at] ^= 4;
        }

        await using (var file = new FileStream(folder.Segment(0), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            await file.WriteAsync(bytes);
        }

        int[] old = [.. Enumerable.Range(0, 9)];
        Assert.Equal(AllSlabsOf(old), Sorted(await store.GetAllAsync(old)));
        StatReply stat = await store.StatAsync();
        Assert.Equal((9, 9), (stat.Disk.CorruptBlocks, stat.Redis.ReadBlocks));
    }

    [Fact]
    public async Task Load_RedisFrozenKilledDamagedAndRestarted_NoFailedCallAndNoWrongByte()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using var folder = new TestFolder();
        await using TestStore store = await StartAsync(server, memoryBlocks: 40, folder.Path, redisTimeoutMs: 100);
        var random = new Random(11);
        int putCount = 0;
        int deliveredCount = 0;
        for (int round = 0; round < 48; round++)
        {
            switch (round)
            {
                case 8:
                    server.Freeze();
                    break;
                case 16:
                    server.Thaw();
                    await store.EventuallyAsync(stat => stat.Redis.IsAnswering);
                    break;
                case 24:
                    await DamageAsync(server, random);
                    break;
                case 32:
                    await server.KillAsync();
                    break;
                case 40:
                    await server.RestartAsync();
                    await store.EventuallyAsync(stat => stat.Redis.IsAnswering);
                    break;
            }

            int[] fresh = [.. Enumerable.Range(putCount, 8)];
            putCount += 8;
            Task<int> put = PutAsync(store, fresh);
            int[] wanted = [.. Enumerable.Range(0, 12).Select(_ => random.Next(putCount)).Distinct()];
            LookupReply held = await LookupAsync(store, wanted, leaseMs: 60_000);
            string seen = await store.GetAllAsync(wanted, TimeSpan.FromMilliseconds(1));
            deliveredCount += seen.Split(' ').Count(part => part.EndsWith(":2", StringComparison.Ordinal));
            Assert.DoesNotContain(nameof(SlabStatus.Aborted), seen, StringComparison.Ordinal);
            await store.Client.ReleaseLeaseAsync(new ReleaseLeaseRequest { LeaseId = held.LeaseId });
            Assert.Equal(8 * TestSlabs.LayerCount, await put);
        }

        // Disk has room for all of them: Redis away costs nothing but the damaged copies that the disk never held.
        Assert.InRange(deliveredCount, 300, 48 * 12);

        // On a busy machine a PING may take longer than the limit: given up for a moment, then back.
        StatReply stat = await store.EventuallyAsync(stat => stat.Redis.IsAnswering);
        Assert.InRange(stat.Redis.Outages, 2, 100);
        Assert.InRange(stat.Redis.SkippedWrites, 1, 1000);
        await store.EventuallyAsync(stat => stat.Redis.QueuedByteCount == 0 && stat.Disk.QueuedByteCount == 0);
        store.Services.GetRequiredService<RedisTier>().CheckIntegrity();
    }

    [Fact]
    public async Task Lookup_FrozenRedis_AnswersFromMemory()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using TestStore store = await StartAsync(server, memoryBlocks: 20, redisTimeoutMs: 100);
        await store.PutAsync([TestSlabs.Id(1), TestSlabs.Id(2)]);
        server.Freeze();
        Assert.Equal(2, (await LookupAsync(store, [1, 2, 3])).HeldBlockCount);
        Assert.Equal("1:0 1:1 1:2 9:Missing", await store.GetAllAsync([1, 9]));
        await store.EventuallyAsync(stat => !stat.Redis.IsAnswering);
        Assert.Equal(2, (await LookupAsync(store, [1, 2, 3])).HeldBlockCount);
        server.Thaw();
    }

    private static async Task<int> PutAsync(TestStore store, int[] blocks)
    {
        Protocol.Transfer.BlockWriteResult result = await store.PutAsync(blocks.Select(TestSlabs.Id));
        return result.SlabsStored + result.SlabsKnown;
    }

    private static async Task DamageAsync(RedisServer server, Random random)
    {
        using var client = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(server.Connection).Soon();
        StackExchange.Redis.IDatabase database = client.GetDatabase();
        foreach (int number in Enumerable.Range(0, 200))
        {
            byte[]? value = await database.StringGetAsync(TestRedis.Key(number)).Soon();
            if (value is { Length: > 0 })
            {
                value[random.Next(value.Length)] ^= (byte)(1 << random.Next(8));
                await database.StringSetAsync(TestRedis.Key(number), value).Soon();
            }
        }
    }

    private static async Task<TestStore> StartAsync(RedisServer server, int memoryBlocks, string dataFolder = "", int redisTimeoutMs = 20_000)
    {
        TestStore store = await TestStore.StartAsync(
            memoryBlocks * BlockBytes,
            dataFolder: dataFolder,
            configure: options => (options.RedisConnection, options.RedisTimeoutMs) = (server.Connection, redisTimeoutMs),
            isRealTime: true);
        await store.EventuallyAsync(stat => stat.Redis.IsAnswering);
        return store;
    }

    private static async Task<LookupReply> LookupAsync(TestStore store, IEnumerable<int> blocks, int leaseMs = 0)
    {
        var request = new LookupRequest { LeaseMs = leaseMs };
        request.BlockIds.AddRange(Protocol.BlockIds.ToByteStrings(blocks.Select(TestSlabs.Id)));
        return await store.Client.LookupAsync(request).ResponseAsync.Soon();
    }

    private static List<string> AllSlabsOf(IEnumerable<int> blocks) =>
        Sorted(string.Join(' ', blocks.SelectMany(block => Enumerable.Range(0, TestSlabs.LayerCount).Select(layer => $"{block}:{layer}"))));

    private static List<string> Sorted(string seen) => [.. seen.Split(' ').Order(StringComparer.Ordinal)];
}
