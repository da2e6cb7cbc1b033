namespace Grpc.AspNetCore.HealthChecks;

/// <summary>The checks that speak for one service name.</summary>
public sealed class ServiceMapping
{
    public ServiceMapping(string name, Func<HealthCheckMapContext, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
        HealthCheckPredicate = predicate;
    }

    public string Name { get; }

    public Func<HealthCheckMapContext, bool>? HealthCheckPredicate { get; }
}

/// <summary>A health check, as a mapping sees it.</summary>
public sealed class HealthCheckMapContext
{
    public HealthCheckMapContext(string name, IEnumerable<string> tags)
    {
        Name = name;
        Tags = tags;
    }

    public string Name { get; }

    public IEnumerable<string> Tags { get; }
}

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
