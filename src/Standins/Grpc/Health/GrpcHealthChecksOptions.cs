namespace Grpc.AspNetCore.HealthChecks;

/// <summary>How ASP.NET Core health checks become the statuses of services.</summary>
public sealed class GrpcHealthChecksOptions
{
    /// <summary>Which checks speak for which service name; all of them for the server as a whole ("").</summary>
    public ServiceMappingCollection Services { get; } = [];

    /// <summary>Whether Check answers with the last published results instead of running the checks; default no.</summary>
    public bool UseHealthChecksCache { get; set; }

    /// <summary>Whether watches stay open while the server shuts down; default no: they end with NOT_SERVING.</summary>
    public bool SuppressCompletionOnShutdown { get; set; }
}
