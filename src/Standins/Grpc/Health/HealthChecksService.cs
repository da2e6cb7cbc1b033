using Grpc.Core;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.AspNetCore.HealthChecks;

/// <summary>Health service over ASP.NET Core health checks: Check runs them, Watch follows what the publisher sees.</summary>
internal sealed class HealthChecksService(
    HealthServiceImpl statuses,
    HealthCheckService checks,
    IOptions<GrpcHealthChecksOptions> options,
    IHostApplicationLifetime lifetime) : Grpc.Health.V1.Health.HealthBase
{
    public override async Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        options.Value.UseHealthChecksCache
            ? await statuses.Check(request, context)
            : new HealthCheckResponse
            {
                Status = await RunAsync(request.Service, context.CancellationToken)
                    ?? throw new RpcException(new Status(
                        StatusCode.NotFound, $"No health is known of a service '{request.Service}'.")),
            };

    public override async Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        if (!options.Value.UseHealthChecksCache && await RunAsync(request.Service, context.CancellationToken) is { } status)
        {
            // The publisher may not have run yet; what a watcher reads first is true now.
            statuses.SetStatus(request.Service, status);
        }

        if (options.Value.SuppressCompletionOnShutdown)
        {
            await statuses.Watch(request, responseStream, context);
            return;
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        await statuses.Watch(request, responseStream, new EndingCallContext(context, ending.Token));
        if (!context.CancellationToken.IsCancellationRequested)
        {
            await responseStream.WriteAsync(new HealthCheckResponse { Status = ServingStatus.NotServing });
        }
    }

    /// <summary>Null when the service name is not mapped.</summary>
    private async Task<ServingStatus?> RunAsync(string service, CancellationToken cancellationToken)
    {
        if (!options.Value.Services.TryGet(service, out var mapping))
        {
            return null;
        }

        var report = await checks.CheckHealthAsync(
            registration => mapping.Includes(registration.Name, registration.Tags), cancellationToken);
        return CheckResults.StatusOf(report.Entries.Values);
    }
}
