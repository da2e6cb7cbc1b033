using Grpc.HealthCheck;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Grpc.AspNetCore.HealthChecks;

/// <summary>Hands the periodic check results to the watchers.</summary>
internal sealed class HealthCheckPublisher(HealthServiceImpl statuses, IOptions<GrpcHealthChecksOptions> options)
    : IHealthCheckPublisher
{
    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        foreach (var mapping in options.Value.Services)
        {
            statuses.SetStatus(mapping.Name, CheckResults.StatusOf(
                report.Entries.Where(entry => mapping.Includes(entry.Key, entry.Value.Tags)).Select(entry => entry.Value)));
        }

        return Task.CompletedTask;
    }
}
