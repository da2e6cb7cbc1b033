using Grpc.AspNetCore.HealthChecks;
using Grpc.HealthCheck;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

public static class GrpcHealthChecksServiceExtensions
{
    public static IHealthChecksBuilder AddGrpcHealthChecks(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton<HealthServiceImpl>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHealthCheckPublisher, HealthCheckPublisher>());
        services.Configure<GrpcHealthChecksOptions>(options => options.Services.Map("", _ => true));
        return services.AddHealthChecks();
    }

    public static IHealthChecksBuilder AddGrpcHealthChecks(
        this IServiceCollection services, Action<GrpcHealthChecksOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        var builder = services.AddGrpcHealthChecks();
        services.Configure(configure);
        return builder;
    }
}
