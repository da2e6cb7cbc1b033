using System.Diagnostics.Metrics;

namespace KvCluster.ServiceDefaults.Metrics;

/// <summary>All series of one instrument. Recording allocates nothing once a set of tags is known.</summary>
internal sealed class InstrumentRecord
{
    private static readonly double[] SecondBounds =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

    private static readonly double[] ByteBounds = [1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 23, 1 << 26, 1 << 30];

    private static readonly double[] CountBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536];

    private readonly Lock _lock = new();
    private readonly bool _replaces;
    private MetricSeries[] _series = [];

    public InstrumentRecord(Instrument instrument)
    {
        Instrument = instrument;
        Type type = instrument.GetType();
        Type definition = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        Kind = definition == typeof(Histogram<>) ? MetricKind.Histogram
            : definition == typeof(Counter<>) || definition == typeof(ObservableCounter<>) ? MetricKind.Counter
            : MetricKind.Gauge;
        _replaces = definition == typeof(Gauge<>);
        Name = PrometheusNames.Of(instrument.Name, instrument.Unit, Kind);
        BucketBounds = Kind == MetricKind.Histogram ? Bounds(instrument) : null;
    }

    public Instrument Instrument { get; }

    public MetricKind Kind { get; }

    /// <summary>As exported.</summary>
    public string Name { get; }

    public double[]? BucketBounds { get; }

    public IReadOnlyList<MetricSeries> Series => Volatile.Read(ref _series);

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        MetricSeries series = Find(tags);
        if (Kind == MetricKind.Histogram)
        {
            series.Observe(value);
        }
        else if (_replaces)
        {
            series.Set(value);
        }
        else
        {
            series.Add(value);
        }
    }

    /// <summary>Before observable instruments are asked, since each answer is the whole value.</summary>
    public void ResetIfObservable()
    {
        if (!Instrument.IsObservable)
        {
            return;
        }

        foreach (MetricSeries series in Series)
        {
            series.Set(0);
        }
    }

    private MetricSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (MetricSeries series in Volatile.Read(ref _series))
        {
            if (series.Matches(tags))
            {
                return series;
            }
        }

        lock (_lock)
        {
            foreach (MetricSeries series in _series)
            {
                if (series.Matches(tags))
                {
                    return series;
                }
            }

            var added = new MetricSeries(tags.ToArray(), BucketBounds);
            Volatile.Write(ref _series, [.. _series, added]);
            return added;
        }
    }

    private static double[] Bounds(Instrument instrument)
    {
        double[]? advised = instrument switch
        {
            Histogram<double> histogram => histogram.Advice?.HistogramBucketBoundaries?.ToArray(),
            Histogram<long> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(bound => (double)bound).ToArray(),
            Histogram<int> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(bound => (double)bound).ToArray(),
            _ => null,
        };
        return advised ?? instrument.Unit switch
        {
            "s" => SecondBounds,
            "By" => ByteBounds,
            _ => CountBounds,
        };
    }
}
