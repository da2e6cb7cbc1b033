using KvCluster.Protocol;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Metrics;
using KvCluster.ServiceDefaults.Options;
using KvCluster.ServiceDefaults.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace KvCluster.ServiceDefaults;

/// <summary>What every host has: gRPC, health, readiness, metrics, reflection, OTLP export, and a gentle stop.</summary>
public static class ServiceDefaultsExtensions
{
    private const string ReadyTag = "ready";

    /// <param name="builder">Made by <see cref="ServiceHost.CreateBuilder"/>.</param>
    /// <param name="serviceName">Name of the host in telemetry, e.g. <c>kvcluster-kvstore</c>.</param>
    /// <exception cref="HostStartException">The <c>Service</c> settings are wrong.</exception>
    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder, string serviceName)
    {
        ServiceOptions options = builder.AddValidatedOptions<ServiceOptions>(ServiceOptions.Section);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<HostReadiness>();
        builder.Services.AddSingleton<HostFault>();
        builder.Services.AddSingleton<IHostedService, DrainService>();
        builder.Services.Configure<HostOptions>(
            host => host.ShutdownTimeout = options.DrainDelay + options.DrainTimeout + TimeSpan.FromSeconds(5));
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = GrpcChannels.MaxMessageSizeBytes;
            grpc.MaxSendMessageSize = GrpcChannels.MaxMessageSizeBytes;
        });
        builder.Services.AddGrpcReflection();
        builder.Services
            .AddGrpcHealthChecks(health => health.Services.Map("", check => check.Tags.Contains(ReadyTag)))
            .AddCheck<ReadinessCheck>(ReadyTag, tags: [ReadyTag]);
        builder.Services.Configure<HealthCheckPublisherOptions>(publisher =>
        {
            publisher.Delay = TimeSpan.Zero;
            publisher.Period = TimeSpan.FromSeconds(2);
        });
        builder.Services.AddSingleton(MetricsRegistry.Shared);
        OtlpExport.AddTo(builder, serviceName);
        return builder;
    }

    /// <summary><c>/healthz</c> (alive), <c>/readyz</c> (wants work), <c>/metrics</c>, gRPC health and reflection.</summary>
    public static WebApplication MapServiceDefaults(this WebApplication app)
    {
        // Alive is whoever answers; nothing is asked, so that a slow dependency never gets a host killed.
        app.MapHealthChecks("/healthz", new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks("/readyz", new HealthCheckOptions
        {
            Predicate = check => check.Tags.Contains(ReadyTag),
            ResponseWriter = (context, report) =>
                context.Response.WriteAsync(string.Join("; ", report.Entries.Values.Select(entry => entry.Description)) + "\n"),
        });
        app.MapGet("/metrics", WriteMetricsAsync);
        app.MapGrpcHealthChecksService();
        app.MapGrpcReflectionService();
        return app;
    }

    private static async Task WriteMetricsAsync(HttpContext context)
    {
        var text = new StringWriter();
        context.RequestServices.GetRequiredService<MetricsRegistry>().Write(text);
        context.Response.ContentType = PrometheusText.ContentType;
        await context.Response.WriteAsync(text.ToString(), context.RequestAborted);
    }
}
