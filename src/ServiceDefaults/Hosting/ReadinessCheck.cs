using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KvCluster.ServiceDefaults.Hosting;

internal sealed class ReadinessCheck(HostReadiness readiness) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        string description = readiness.Describe();
        return Task.FromResult(readiness.IsReady ? HealthCheckResult.Healthy(description) : HealthCheckResult.Unhealthy(description));
    }
}
