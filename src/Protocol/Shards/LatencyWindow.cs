namespace KvCluster.Protocol.Shards;

/// <summary>The last times to a first slab of one shard, and their 95th percentile. Not thread-safe.</summary>
internal sealed class LatencyWindow
{
    /// <summary>Fewer times say nothing of a tail.</summary>
    public const int MinSampleCount = 20;

    private const int Capacity = 128;
    private readonly long[] _ticks = new long[Capacity];
    private int _next;
    private int _count;
    private TimeSpan? _p95;

    public void Add(TimeSpan time)
    {
        _ticks[_next] = time.Ticks;
        _next = (_next + 1) % Capacity;
        _count = Math.Min(_count + 1, Capacity);
        _p95 = null;
    }

    /// <summary>By the nearest rank; null before <see cref="MinSampleCount"/> times.</summary>
    public TimeSpan? P95()
    {
        if (_count < MinSampleCount)
        {
            return null;
        }

        if (_p95 is null)
        {
            long[] sorted = _ticks[.._count];
            Array.Sort(sorted);
            _p95 = new TimeSpan(sorted[(int)Math.Ceiling(0.95 * _count) - 1]);
        }

        return _p95;
    }
}
