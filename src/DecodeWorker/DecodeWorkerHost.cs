using KvCluster.DecodeWorker.Direct;
using KvCluster.DecodeWorker.Engine;
using KvCluster.DecodeWorker.Grpc;
using KvCluster.Inference.Engine;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Membership;
using KvCluster.ServiceDefaults.Options;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker;

/// <summary>The decode worker: gRPC service of decode.proto, one engine, one model.</summary>
public static class DecodeWorkerHost
{
    /// <summary>Builds the host; the caller starts it.</summary>
    /// <exception cref="HostStartException">An option is wrong.</exception>
    /// <exception cref="Inference.Models.ModelLoadException">The model can't be loaded.</exception>
    /// <exception cref="Compression.Codecs.CodecSpecException">The kv spec can't be used.</exception>
    public static WebApplication Create(DecodeWorkerOptions options) => Create(options, [], isEmbedded: true);

    /// <summary>Builds the host around a model that is loaded already, and disposed with it; the options that say which are not used.</summary>
    /// <exception cref="HostStartException">An option is wrong.</exception>
    public static WebApplication Create(DecodeWorkerOptions options, WorkerModel model) => Create(options, [], isEmbedded: true, model);

    internal static WebApplication Create(DecodeWorkerOptions options, string[] args, bool isEmbedded, WorkerModel? model = null)
    {
        OptionsBinder.ThrowIfInvalid(options, DecodeWorkerOptions.Section);
        var builder = ServiceHost.CreateBuilder(args, isEmbedded: isEmbedded);
        builder.ListenForGrpc(ListenAddress.Parse(options.ListenAddress));
        if (options.HttpListenAddress.Length > 0)
        {
            builder.ListenForHttp(ListenAddress.Parse(options.HttpListenAddress));
        }

        builder.AddServiceDefaults("kvcluster-decode");
        builder.AddDecodeWorker(options, model ?? WorkerModel.Load(options.ModelFolder, options.ModelName, options.KvSpec, options.Backend, options.Synthetic, options.Device));
        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapDecodeWorker();
        return app;
    }

    /// <summary>Adds all that serves a model.</summary>
    public static WebApplicationBuilder AddDecodeWorker(this WebApplicationBuilder builder, DecodeWorkerOptions options, WorkerModel model)
    {
        var workerId = WorkerOptions.WorkerIdOf(options.WorkerId, "decode");
        var limits = WorkerOptions.LimitsOf(model, options.MaxSequences, options.LocalPrefillChunkTokens, options.KvBudgetBytes);
        WorkerOptions.RetainSlabs(model, options.KvBudgetBytes);
        var services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton(_ => model);
        services.AddSingleton(new KvAdmission(limits.MaxSequences, options.MaxWaitingSequences, limits.Budget));
        services.AddSingleton<LoadGauge>();
        services.AddSingleton<DecodeMetrics>();
        services.AddSingleton(provider => new KvStoreShards(
            provider.GetRequiredService<IClusterMembership>(),
            workerId,
            options.KvReplicas,
            options.HedgeMinMs,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new WriteBehind(
            provider.GetRequiredService<KvStoreShards>(),
            options.MaxUnsentBytes,
            provider.GetRequiredService<DecodeMetrics>(),
            provider.GetRequiredService<ILogger<WriteBehind>>()));
        services.AddHostedService(provider => provider.GetRequiredService<WriteBehind>());
        services.AddSingleton(provider => new DecodeEngine(
            provider.GetRequiredService<WorkerModel>().Runner,
            provider.GetRequiredService<WriteBehind>(),
            limits.StepTokens,
            provider.GetRequiredService<DecodeMetrics>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<DecodeEngine>>(),
            provider.GetRequiredService<HostFault>()));
        services.AddSingleton<CurrentEpochs>();
        services.AddSingleton<IWorkerEpochObserver>(provider => provider.GetRequiredService<CurrentEpochs>());
        services.AddSingleton<DirectHandOvers>();
        services.AddSingleton<ISlabCalls>(provider => provider.GetRequiredService<DirectHandOvers>());
        services.AddSlabStreams(options.Slabs);
        services.AddSingleton<DecodeParts>();
        services.AddSingleton<DecodeService>();
        services.AddSingleton<IWorkerLoadSource, ReportedLoad>();
        services.AddClusterMembership(_ => new MembershipOptions(
            options.GatewayAddress,
            options.AdvertisedAddress,
            WorkerOptions.Describe(model, workerId, WorkerRole.Decode, limits.MaxSequences)));

        if (options.EndsWithInput)
        {
            services.AddHostedService<InputEnd>();
        }

        // After membership: the Gateway hears of the drain before calls are refused.
        services.AddSingleton<CallDrain>();
        services.AddSingleton<IDrainable>(provider => provider.GetRequiredService<CallDrain>());
        return builder;
    }

    public static WebApplication MapDecodeWorker(this WebApplication app)
    {
        app.MapGrpcService<DecodeService>();
        app.MapGrpcService<DirectService>();
        app.Services.GetRequiredService<DecodeMetrics>().Observe(app.Services.GetRequiredService<LoadGauge>());
        return app;
    }
}
