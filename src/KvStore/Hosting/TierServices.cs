using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;
using KvCluster.KvStore.Isolation;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tiers;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.KvStore.Hosting;

/// <summary>The tiers that the settings ask for.</summary>
internal static class TierServices
{
    private const int BurstSeconds = 60;
    private const long MaxQueueBytes = 128 << 20;
    private const long MinQueueBytes = 16 << 20;

    public static IServiceCollection AddTiers(this IServiceCollection services, KvStoreOptions options)
    {
        bool hasDisk = options.DataFolder.Length > 0;
        bool hasRedis = options.RedisConnection.Length > 0;
        if (!hasDisk && !hasRedis)
        {
            services.AddSingleton(provider => new MemoryTier(
                options.EffectiveMemoryBudgetBytes, provider.GetRequiredService<TimeProvider>(), options: Memory(options)));
            return services.AddSingleton<IBlockTier>(provider => provider.GetRequiredService<MemoryTier>());
        }

        services.AddSingleton(new RecordCipher(ParseKeys(options)));
        if (hasDisk)
        {
            services.AddSingleton(provider => OpenDisk(options, provider));
            services.AddSingleton(provider => Level<DiskTier>(provider, options.DiskUnprovenBytesPerSecond));
        }

        if (hasRedis)
        {
            services.AddSingleton(provider => OpenRedis(options, provider));
            services.AddSingleton(provider => Level<RedisTier>(provider, options.RedisUnprovenBytesPerSecond));
        }

        // In the order registered, the faster tier first.
        services.AddSingleton(provider => new TieredStore(
            options.EffectiveMemoryBudgetBytes, [.. provider.GetServices<ColdLevel>()], provider.GetRequiredService<TimeProvider>(), Memory(options),
            provider.GetRequiredService<ILogger<TieredStore>>()));
        services.AddSingleton(provider => provider.GetRequiredService<TieredStore>().Memory);
        services.AddSingleton<IBlockTier>(provider => provider.GetRequiredService<TieredStore>());
        return services.AddHostedService<FlushAtStop>();
    }

    private static ColdLevel Level<TTier>(IServiceProvider provider, long unprovenBytesPerSecond)
        where TTier : class, IColdTier
    {
        var admission = new WriteAdmission(
            provider.GetRequiredService<TimeProvider>(), unprovenBytesPerSecond, BurstSeconds * unprovenBytesPerSecond);
        return new ColdLevel(provider.GetRequiredService<TTier>(), admission);
    }

    private static RedisTier OpenRedis(KvStoreOptions options, IServiceProvider provider)
    {
        var redisOptions = new RedisTierOptions
        {
            Connection = options.RedisConnection,
            BlockTtl = options.RedisBlockTtl,
            Timeout = TimeSpan.FromMilliseconds(options.RedisTimeoutMs),
            QueueBytes = QueueBytes(options),
        };
        return new RedisTier(
            redisOptions, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<RedisTier>>(),
            cipher: provider.GetRequiredService<RecordCipher>());
    }

    private static EncryptionKeys ParseKeys(KvStoreOptions options) =>
        EncryptionKeys.TryParse(options.EncryptionKeys, out EncryptionKeys? keys, out string? fault)
            ? keys
            : throw new HostStartException($"{nameof(options.EncryptionKeys)}: {fault}", HostStartException.BadSettings);

    private static long QueueBytes(KvStoreOptions options) => Math.Clamp(options.EffectiveMemoryBudgetBytes / 8, MinQueueBytes, MaxQueueBytes);

    private static MemoryTierOptions Memory(KvStoreOptions options) => new()
    {
        EvictionPolicy = options.EvictionPolicy,
        Pool = SlabPool.Shared,
        OwnerQuotaBytes = options.OwnerQuotaBytes,
        BlockTtl = options.BlockTtl,
        MaxPinnedShare = options.MaxPinnedShare,
    };

    private static DiskTier OpenDisk(KvStoreOptions options, IServiceProvider provider)
    {
        try
        {
            DataFolder folder = DataFolder.Acquire(options.DataFolder);
            var diskOptions = new DiskTierOptions
            {
                BudgetBytes = options.DiskBudgetBytes > 0 ? options.DiskBudgetBytes : DefaultBudgetBytes(folder, options.MachineShardCount),
                QueueBytes = QueueBytes(options),
            };
            return DiskTier.Open(
                folder, diskOptions, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<DiskTier>>(),
                cipher: provider.GetRequiredService<RecordCipher>());
        }
        catch (DataFolderException error)
        {
            throw new HostStartException(error.Message, innerException: error);
        }
    }

    private static long DefaultBudgetBytes(DataFolder folder, int shardCount)
    {
        long heldBytes = folder.FileNames()
            .Where(name => SegmentHeader.TryParseFileName(name, out _))
            .Sum(name => new FileInfo(Path.Combine(folder.Path, name)).Length);
        return heldBytes + (new DriveInfo(folder.Path).AvailableFreeSpace / 2 / shardCount);
    }
}
