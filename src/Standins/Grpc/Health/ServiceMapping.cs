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
