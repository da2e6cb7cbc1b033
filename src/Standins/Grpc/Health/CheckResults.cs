using Microsoft.Extensions.Diagnostics.HealthChecks;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.AspNetCore.HealthChecks;

/// <summary>The status that check results amount to: one unhealthy check is enough, no check at all is unknown.</summary>
internal static class CheckResults
{
    public static ServingStatus StatusOf(IEnumerable<HealthReportEntry> entries)
    {
        var status = ServingStatus.Unknown;
        foreach (var entry in entries)
        {
            if (entry.Status == HealthStatus.Unhealthy)
            {
                return ServingStatus.NotServing;
            }

            status = ServingStatus.Serving;
        }

        return status;
    }

    public static bool Includes(this ServiceMapping mapping, string name, IEnumerable<string> tags) =>
        mapping.HealthCheckPredicate?.Invoke(new HealthCheckMapContext(name, tags)) ?? true;
}
