using KvCluster.Inference.Engine;
using KvCluster.PrefillWorker.Engine;
using KvCluster.PrefillWorker.Grpc;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Membership;
using KvCluster.ServiceDefaults.Options;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker;

/// <summary>The prefill worker: gRPC service of prefill.proto, one engine, one model.</summary>
public static class PrefillWorkerHost
{
    /// <summary>Builds the host; the caller starts it.</summary>
    /// <exception cref="HostStartException">An option is wrong.</exception>
    /// <exception cref="Inference.Models.ModelLoadException">The model can't be loaded.</exception>
    /// <exception cref="Compression.Codecs.CodecSpecException">The kv spec can't be used.</exception>
    public static WebApplication Create(PrefillWorkerOptions options) => Create(options, [], isEmbedded: true);

    /// <summary>Builds the host around a model that is loaded already, and disposed with it; the options that say which are not used.</summary>
    /// <exception cref="HostStartException">An option is wrong.</exception>
    public static WebApplication Create(PrefillWorkerOptions options, WorkerModel model) => Create(options, [], isEmbedded: true, model);

    internal static WebApplication Create(PrefillWorkerOptions options, string[] args, bool isEmbedded, WorkerModel? model = null)
    {
        OptionsBinder.ThrowIfInvalid(options, PrefillWorkerOptions.Section);
        var builder = ServiceHost.CreateBuilder(args, isEmbedded: isEmbedded);
        builder.ListenForGrpc(ListenAddress.Parse(options.ListenAddress));
        if (options.HttpListenAddress.Length > 0)
        {
            builder.ListenForHttp(ListenAddress.Parse(options.HttpListenAddress));
        }

        builder.AddServiceDefaults("kvcluster-prefill");
        builder.AddPrefillWorker(options, model ?? WorkerModel.Load(options.ModelFolder, options.ModelName, options.KvSpec, options.Backend, options.Synthetic, options.Device));
        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapPrefillWorker();
        return app;
    }

    /// <summary>Adds all that serves a model.</summary>
    public static WebApplicationBuilder AddPrefillWorker(this WebApplicationBuilder builder, PrefillWorkerOptions options, WorkerModel model)
    {
        var workerId = WorkerOptions.WorkerIdOf(options.WorkerId, "prefill");
        var limits = WorkerOptions.LimitsOf(model, options.MaxSequences, options.KvChunkTokens, options.KvBudgetBytes);
        WorkerOptions.RetainSlabs(model, options.KvBudgetBytes);
        var services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton(_ => model);
        services.AddSingleton(new KvAdmission(limits.MaxSequences, options.MaxWaitingSequences, limits.Budget));
        services.AddSingleton<LoadGauge>();
        services.AddSingleton<PrefillMetrics>();
        services.AddSingleton(provider => new KvStoreShards(
            provider.GetRequiredService<IClusterMembership>(),
            workerId,
            options.KvReplicas,
            options.HedgeMinMs,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(_ => new DecodeWorkers(workerId));
        services.AddSingleton(provider => new PrefillEngine(
            provider.GetRequiredService<WorkerModel>().Runner,
            limits.StepTokens,
            provider.GetRequiredService<PrefillMetrics>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<PrefillEngine>>(),
            provider.GetRequiredService<HostFault>()));
        services.AddSingleton<PrefillParts>();
        services.AddSingleton<PrefillService>();
        services.AddSingleton<IWorkerLoadSource, ReportedLoad>();
        services.AddClusterMembership(_ => new MembershipOptions(
            options.GatewayAddress,
            options.AdvertisedAddress,
            WorkerOptions.Describe(model, workerId, WorkerRole.Prefill, limits.MaxSequences)));

        if (options.EndsWithInput)
        {
            services.AddHostedService<InputEnd>();
        }

        // After membership: the Gateway hears of the drain before calls are refused.
        services.AddSingleton<CallDrain>();
        services.AddSingleton<IDrainable>(provider => provider.GetRequiredService<CallDrain>());
        return builder;
    }

    public static WebApplication MapPrefillWorker(this WebApplication app)
    {
        app.MapGrpcService<PrefillService>();
        app.Services.GetRequiredService<PrefillMetrics>().Observe(app.Services.GetRequiredService<LoadGauge>());
        return app;
    }
}
