using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Isolation;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tests.Disk;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvCluster.KvStore.Tests.Redis;

/// <summary>Redis tiers, each as a shard of its own.</summary>
internal static class TestRedis
{
    public static async Task<RedisTier> OpenAsync(RedisServer server, SlabPool pool, TimeSpan? timeout = null, long queueBytes = 1 << 20, RecordCipher? cipher = null)
    {
        var options = new RedisTierOptions
        {
            Connection = server.Connection,
            Timeout = timeout ?? TimeSpan.FromSeconds(20),
            QueueBytes = queueBytes,
            BlockTtl = TimeSpan.FromHours(1),
            ProbeInterval = TimeSpan.FromMilliseconds(20),
        };
        var tier = new RedisTier(options, TimeProvider.System, NullLogger.Instance, pool, cipher);
        await Eventually.TrueAsync(() => tier.IsAnswering);
        return tier;
    }

    public static async Task WriteAsync(RedisTier tier, SlabPool pool, params int[] numbers)
    {
        foreach (int number in numbers)
        {
            await tier.WaitForRoomAsync(default).Soon();
            tier.TryWrite(TestDisk.Block(pool, number));
        }

        await tier.FlushAsync(default).Soon();
    }

    public static async Task<List<int>> LocateAsync(RedisTier tier, params int[] numbers)
    {
        await tier.LocateAsync([.. numbers.Select(TestSlabs.Id)], isChain: false, default).Soon();
        return [.. numbers.Where(number => tier.TryGetSize(TestSlabs.Id(number), out _))];
    }

    public static string Key(int number) => $"kvcluster:block:{TestSlabs.Id(number)}";

    /// <summary>Ends a tier and proves that nothing is left of it.</summary>
    public static async Task CloseAsync(RedisTier tier, SlabPool pool)
    {
        tier.CheckIntegrity();
        await tier.DisposeAsync().AsTask().Soon();
        pool.CheckIntegrity();
        Assert.Equal(0, pool.RentedCount);
    }
}
