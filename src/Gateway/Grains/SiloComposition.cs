#if PUBLISHED_PACKAGES
using Orleans.Configuration;
using StackExchange.Redis;
#endif

namespace KvCluster.Gateway.Grains;

/// <summary>The one place where the stand-in and the published Orleans differ.</summary>
internal static class SiloComposition
{
    public static void AddSilo(this WebApplicationBuilder builder, GatewayOptions options) => builder.Host.UseOrleans(silo =>
    {
#if PUBLISHED_PACKAGES
        if (options.RedisConnection is { } connection)
        {
            silo.Configure<ClusterOptions>(cluster => cluster.ClusterId = cluster.ServiceId = "kvcluster");
            silo.UseRedisClustering(redis => redis.ConfigurationOptions = ConfigurationOptions.Parse(connection));
            silo.AddRedisGrainStorageAsDefault(redis => redis.ConfigurationOptions = ConfigurationOptions.Parse(connection));
            return;
        }
#endif
        silo.UseLocalhostClustering();
        silo.AddMemoryGrainStorageAsDefault();
    });
}
