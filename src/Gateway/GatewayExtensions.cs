using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Authentication;
using KvCluster.Gateway.Generation;
using KvCluster.Gateway.Grains;
using KvCluster.Gateway.Grpc;
using KvCluster.Gateway.HandOffs;
using KvCluster.Gateway.Metrics;
using KvCluster.Gateway.Models;
using KvCluster.Gateway.OpenAi;
using KvCluster.Gateway.Workers;
using KvCluster.Protocol.Shards;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace KvCluster.Gateway;

/// <summary>Composition of the Gateway.</summary>
public static class GatewayExtensions
{
    /// <exception cref="Inference.Models.ModelLoadException">The model folder is missing or broken.</exception>
    public static WebApplicationBuilder AddGateway(this WebApplicationBuilder builder, GatewayOptions options)
    {
        builder.AddSilo(options);
        IServiceCollection services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton(KeysOf(options));
        services.AddSingleton(ServedModel.Load(options));
        services.TryAddSingleton<IWorkerClients, WorkerClients>();
        services.AddSingleton<ShardHealth>();
        services.AddSingleton(provider => new HandOffPolicy(provider.GetRequiredService<TimeProvider>(), Random.Shared));
        services.AddSingleton<HandOffChooser>();
        services.AddSingleton<RequestServices>();
        services.AddSingleton<ModelDirectory>();
        services.AddSingleton<AdmissionGate>();
        services.AddSingleton<IDrainable>(provider => provider.GetRequiredService<AdmissionGate>());
        services.AddSingleton<GatewayMetrics>();
        services.AddSingleton<GenerationService>();
        services.AddSingleton<BodyTranslation>();
        services.AddSingleton<Answering>();
        services.AddHealthChecks().AddCheck<PoolReadiness>("pools", tags: ["ready"]);
        return builder;
    }

    private static ApiKeys KeysOf(GatewayOptions options) =>
        ApiKeys.TryParse(options.ApiKeys, out ApiKeys? keys, out string? fault) ? keys : throw new HostStartException($"ApiKeys: {fault}", HostStartException.BadSettings);

    public static WebApplication MapGateway(this WebApplication app)
    {
        app.UseMiddleware<ErrorMiddleware>();
        app.UseRouting();
        app.MapServiceDefaults();
        app.MapGrpcService<InferenceService>();
        app.MapGrpcService<ClusterService>();
        app.MapOpenAi();
        return app;
    }
}
