using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KvCluster.Gateway.Models;

/// <summary>Ready: a KvStore shard, and a prefill and a decode worker of the model that fit each other.</summary>
internal sealed class PoolReadiness(ModelDirectory models) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        await models.FindGapAsync() is { } gap ? HealthCheckResult.Unhealthy(gap) : HealthCheckResult.Healthy("pools are complete");
}
