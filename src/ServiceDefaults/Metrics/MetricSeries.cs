namespace KvCluster.ServiceDefaults.Metrics;

/// <summary>The value of one instrument for one set of tags.</summary>
internal sealed class MetricSeries(KeyValuePair<string, object?>[] tags, double[]? bucketBounds)
{
    private readonly Lock _lock = new();
    private readonly long[]? _bucketCounts = bucketBounds is null ? null : new long[bucketBounds.Length + 1];
    private double _value;
    private long _count;

    public KeyValuePair<string, object?>[] Tags { get; } = tags;

    public bool Matches(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.Length != Tags.Length)
        {
            return false;
        }

        for (int i = 0; i < tags.Length; i++)
        {
            if (tags[i].Key != Tags[i].Key || !Equals(tags[i].Value, Tags[i].Value))
            {
                return false;
            }
        }

        return true;
    }

    public void Add(double amount)
    {
        lock (_lock)
        {
            _value += amount;
        }
    }

    public void Set(double value)
    {
        lock (_lock)
        {
            _value = value;
        }
    }

    public void Observe(double value)
    {
        int index = Array.BinarySearch(bucketBounds!, value);
        lock (_lock)
        {
            _bucketCounts![index < 0 ? ~index : index]++;
            _value += value;
            _count++;
        }
    }

    public MetricValue Read()
    {
        lock (_lock)
        {
            return new MetricValue(_value, _count, (long[]?)_bucketCounts?.Clone());
        }
    }
}
