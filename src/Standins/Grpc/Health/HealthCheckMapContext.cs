namespace Grpc.AspNetCore.HealthChecks;

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
