using System.Globalization;
using System.Text;

namespace KvCluster.ServiceDefaults.Metrics;

/// <summary>
/// Writes metrics in the Prometheus text format. Series of the same name and labels, as two workers in one process have, are summed.
/// </summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static void Write(TextWriter output, IEnumerable<InstrumentRecord> records)
    {
        foreach (IGrouping<string, InstrumentRecord> metric in records.GroupBy(record => record.Name).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            InstrumentRecord first = metric.First();
            var values = new SortedDictionary<string, MetricValue>(StringComparer.Ordinal);
            foreach (InstrumentRecord record in metric.Where(record => record.Kind == first.Kind))
            {
                foreach (MetricSeries series in record.Series)
                {
                    string labels = Labels(record, series);
                    values[labels] = values.TryGetValue(labels, out MetricValue sum) ? sum.Plus(series.Read()) : series.Read();
                }
            }

            if (values.Count == 0)
            {
                continue;
            }

            if (first.Instrument.Description is { Length: > 0 } help)
            {
                output.Write($"# HELP {metric.Key} {PrometheusNames.EscapeHelp(help)}\n");
            }

            output.Write($"# TYPE {metric.Key} {TypeName(first.Kind)}\n");
            foreach ((string labels, MetricValue value) in values)
            {
                WriteSeries(output, first, labels, value);
            }
        }
    }

    private static void WriteSeries(TextWriter output, InstrumentRecord record, string labels, in MetricValue value)
    {
        if (value.BucketCounts is not { } buckets)
        {
            output.Write($"{record.Name}{Braced(labels)} {Number(value.Value)}\n");
            return;
        }

        long cumulative = 0;
        for (int i = 0; i < buckets.Length; i++)
        {
            cumulative += buckets[i];
            string bound = i < record.BucketBounds!.Length ? Number(record.BucketBounds[i]) : "+Inf";
            string separator = labels.Length > 0 ? "," : "";
            output.Write($"{record.Name}_bucket{{{labels}{separator}le=\"{bound}\"}} {cumulative}\n");
        }

        output.Write($"{record.Name}_sum{Braced(labels)} {Number(value.Value)}\n");
        output.Write($"{record.Name}_count{Braced(labels)} {value.Count}\n");
    }

    private static string Labels(InstrumentRecord record, MetricSeries series)
    {
        var labels = new StringBuilder();
        foreach ((string name, object? value) in (record.Instrument.Meter.Tags ?? []).Concat(series.Tags))
        {
            string text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            labels.Append(labels.Length > 0 ? "," : "").Append($"{PrometheusNames.Label(name)}=\"{PrometheusNames.EscapeValue(text)}\"");
        }

        return labels.ToString();
    }

    private static string Braced(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";

    private static string TypeName(MetricKind kind) => kind switch
    {
        MetricKind.Counter => "counter",
        MetricKind.Histogram => "histogram",
        _ => "gauge",
    };

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : double.IsNaN(value) ? "NaN"
        : value.ToString("R", CultureInfo.InvariantCulture);
}
