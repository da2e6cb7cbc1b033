using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;
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
        if (options.DataFolder.Length == 0)
        {
            services.AddSingleton(provider => new MemoryTier(options.EffectiveMemoryBudgetBytes, provider.GetRequiredService<TimeProvider>()));
            return services.AddSingleton<IBlockTier>(provider => provider.GetRequiredService<MemoryTier>());
        }

        services.AddSingleton(provider => OpenDisk(options, provider));
        services.AddSingleton(provider => Stack(options, provider));
        services.AddSingleton(provider => provider.GetRequiredService<TieredStore>().Memory);
        services.AddSingleton<IBlockTier>(provider => provider.GetRequiredService<TieredStore>());
        return services.AddHostedService<FlushAtStop>();
    }

    private static TieredStore Stack(KvStoreOptions options, IServiceProvider provider)
    {
        TimeProvider time = provider.GetRequiredService<TimeProvider>();
        var admission = new WriteAdmission(time, options.DiskUnprovenBytesPerSecond, BurstSeconds * options.DiskUnprovenBytesPerSecond);
        return new TieredStore(options.EffectiveMemoryBudgetBytes, provider.GetRequiredService<DiskTier>(), admission, time);
    }

    private static DiskTier OpenDisk(KvStoreOptions options, IServiceProvider provider)
    {
        try
        {
            DataFolder folder = DataFolder.Acquire(options.DataFolder);
            var diskOptions = new DiskTierOptions
            {
                BudgetBytes = options.DiskBudgetBytes > 0 ? options.DiskBudgetBytes : DefaultBudgetBytes(folder),
                QueueBytes = Math.Clamp(options.EffectiveMemoryBudgetBytes / 8, MinQueueBytes, MaxQueueBytes),
            };
            return DiskTier.Open(
                folder, diskOptions, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<DiskTier>>());
        }
        catch (DataFolderException error)
        {
            throw new HostStartException(error.Message, innerException: error);
        }
    }

    private static long DefaultBudgetBytes(DataFolder folder)
    {
        long heldBytes = folder.FileNames()
            .Where(name => SegmentHeader.TryParseFileName(name, out _))
            .Sum(name => new FileInfo(Path.Combine(folder.Path, name)).Length);
        return heldBytes + (new DriveInfo(folder.Path).AvailableFreeSpace / 2);
    }
}
