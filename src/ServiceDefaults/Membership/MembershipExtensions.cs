using KvCluster.ServiceDefaults.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KvCluster.ServiceDefaults.Membership;

/// <summary>Registration of <see cref="IClusterMembership"/>.</summary>
public static class MembershipExtensions
{
    /// <summary>Makes the host a member of the cluster. Wants an <see cref="IWorkerLoadSource"/>.</summary>
    /// <param name="services">The host's.</param>
    /// <param name="options">Asked once, when the host is built.</param>
    public static IServiceCollection AddClusterMembership(
        this IServiceCollection services, Func<IServiceProvider, MembershipOptions> options)
    {
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ClusterMembership>(provider, options(provider)));
        services.AddSingleton<IClusterMembership>(provider => provider.GetRequiredService<ClusterMembership>());
        services.AddSingleton<IDrainable>(provider => provider.GetRequiredService<ClusterMembership>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ClusterMembership>());
        return services;
    }
}
