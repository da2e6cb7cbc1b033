using KvCluster.KvStore.Grpc;
using KvCluster.KvStore.Moving;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Telemetry;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Membership;
using KvCluster.ServiceDefaults.Options;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace KvCluster.KvStore.Hosting;

/// <summary>A KvStore shard as a host of its own or inside another process.</summary>
public static class KvStoreHost
{
    /// <summary>The whole app, not started, for a process that composes several hosts.</summary>
    /// <exception cref="HostStartException">Settings are wrong.</exception>
    public static WebApplication Create(KvStoreOptions options)
    {
        OptionsBinder.ThrowIfInvalid(options);
        return Build(ServiceHost.CreateBuilder([], isEmbedded: true), options);
    }

    /// <summary>The whole app of a process of its own.</summary>
    /// <param name="args">Command line, e.g. <c>--KvStore:MemoryBudgetBytes=1000000</c>.</param>
    /// <param name="settings">Win over everything else.</param>
    /// <param name="isEmbedded">Inside a process that handles signals itself.</param>
    /// <exception cref="HostStartException">Settings are wrong.</exception>
    public static WebApplication Build(
        string[] args, IEnumerable<KeyValuePair<string, string?>>? settings = null, bool isEmbedded = false)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(args, settings, isEmbedded);
        return Build(builder, OptionsBinder.Bind<KvStoreOptions>(builder.Configuration, KvStoreOptions.Section));
    }

    /// <summary>The shard's services and addresses.</summary>
    public static WebApplicationBuilder AddKvStore(this WebApplicationBuilder builder, KvStoreOptions options)
    {
        builder.ListenForGrpc(ListenAddress.Parse(options.ListenAddress));
        if (options.HttpListenAddress.Length > 0)
        {
            builder.ListenForHttp(ListenAddress.Parse(options.HttpListenAddress));
        }

        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(Options.Create(options));
        builder.Services.AddTiers(options);
        builder.Services.AddSingleton<KvStoreCalls>();
        builder.Services.AddSingleton<ISlabCalls>(provider => provider.GetRequiredService<KvStoreCalls>());
        builder.Services.AddSlabStreams(options.Slabs);
        builder.Services.AddHostedService<StoreMetrics>();
        builder.Services.AddSingleton<IWorkerLoadSource, StoreLoad>();
        builder.Services.AddSingleton<EpochFence>();
        builder.Services.AddSingleton<IWorkerEpochObserver>(provider => provider.GetRequiredService<EpochFence>());
        builder.Services.AddClusterMembership(_ => Describe(options));

        // After membership: the others hear that this shard leaves before it hands its blocks over.
        if (options.HandsOverAtStop)
        {
            builder.Services.AddSingleton<IDrainable, ShardDrain>();
        }

        builder.Services.AddHostedService<JoinCopy>();
        return builder;
    }

    /// <summary>The gRPC service.</summary>
    public static WebApplication MapKvStore(this WebApplication app)
    {
        app.MapGrpcService<KvStoreService>();
        return app;
    }

    private static WebApplication Build(WebApplicationBuilder builder, KvStoreOptions options)
    {
        builder.AddServiceDefaults("kvcluster-kvstore");
        builder.AddKvStore(options);
        WebApplication app = builder.Build();
        app.MapServiceDefaults();
        app.MapKvStore();
        return app;
    }

    private static MembershipOptions Describe(KvStoreOptions options) => new(
        options.GatewayAddress,
        options.AdvertisedAddress,
        new WorkerDescription { WorkerId = options.WorkerId, Role = WorkerRole.Kvstore });
}
