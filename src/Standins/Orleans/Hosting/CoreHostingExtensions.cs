using System.Net;
using Orleans.Calls;
using Orleans.Configuration;

namespace Orleans.Hosting;

/// <summary>How a silo finds others.</summary>
public static class CoreHostingExtensions
{
    /// <summary>One silo on this machine. The stand-in opens no ports: the numbers are checked by the published build alone.</summary>
    public static ISiloBuilder UseLocalhostClustering(
        this ISiloBuilder builder,
        int siloPort = 11111,
        int gatewayPort = 30000,
        IPEndPoint? primarySiloEndpoint = null,
        string serviceId = "dev",
        string clusterId = "dev") => builder.Configure<ClusterOptions>(options =>
        {
            options.ServiceId = serviceId;
            options.ClusterId = clusterId;
        });

    /// <summary>Lets <see cref="System.Diagnostics.Activity.Current"/> flow with calls, so that traces join.</summary>
    public static ISiloBuilder AddActivityPropagation(this ISiloBuilder builder) =>
        builder.Configure<ActivityPropagation>(static propagation => propagation.IsOn = true);
}
