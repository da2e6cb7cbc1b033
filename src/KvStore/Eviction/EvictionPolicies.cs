namespace KvCluster.KvStore.Eviction;

/// <summary>The policies that <c>EvictionPolicy</c> can name.</summary>
public static class EvictionPolicies
{
    /// <summary>The best over the traces of docs/traces.md.</summary>
    public const string Default = "arc";

    public static IReadOnlyList<string> Names { get; } = ["arc", "s3fifo", "lru"];

    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="capacityBytes">Of the tier.</param>
    internal static IEvictionPolicy Create(string name, long capacityBytes) => name switch
    {
        "arc" => new LeafFirstArcPolicy(capacityBytes),
        "s3fifo" => new S3FifoPolicy(capacityBytes),
        "lru" => new LruPolicy(),
        _ => throw new ArgumentException($"There is no eviction policy '{name}'; use one of: {string.Join(", ", Names)}.", nameof(name)),
    };
}
