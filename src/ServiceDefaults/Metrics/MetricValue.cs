namespace KvCluster.ServiceDefaults.Metrics;

/// <param name="Value">The value; of a histogram, the sum.</param>
/// <param name="Count">Observations of a histogram.</param>
/// <param name="BucketCounts">Observations of each bucket alone, the last one unbounded; null for other kinds.</param>
internal readonly record struct MetricValue(double Value, long Count, long[]? BucketCounts)
{
    public MetricValue Plus(in MetricValue other) => new(
        Value + other.Value,
        Count + other.Count,
        BucketCounts is { } mine && other.BucketCounts is { } theirs && mine.Length == theirs.Length
            ? [.. mine.Zip(theirs, (left, right) => left + right)]
            : BucketCounts ?? other.BucketCounts);
}
