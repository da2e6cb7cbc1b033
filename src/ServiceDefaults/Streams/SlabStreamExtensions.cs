using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>Registration of a <see cref="SlabListener"/>.</summary>
public static class SlabStreamExtensions
{
    /// <summary>Serves the host's <see cref="ISlabCalls"/> over slab streams too.</summary>
    public static IServiceCollection AddSlabStreams(this IServiceCollection services, SlabEndpoint endpoint)
    {
        services.AddSingleton(endpoint);
        services.AddSingleton<SlabListener>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<SlabListener>());
        return services;
    }
}
