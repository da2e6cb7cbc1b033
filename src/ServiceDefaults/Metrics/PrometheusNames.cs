namespace KvCluster.ServiceDefaults.Metrics;

/// <summary>Names and values in the Prometheus text format.</summary>
internal static class PrometheusNames
{
    /// <summary>E.g. <c>kvcluster.kvstore.put</c> in <c>By</c> as a counter is <c>kvcluster_kvstore_put_bytes_total</c>.</summary>
    public static string Of(string instrumentName, string? unit, MetricKind kind)
    {
        string name = Sanitize(instrumentName, allowColon: true);
        string suffix = unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "us" => "_microseconds",
            "By" => "_bytes",
            "By/s" => "_bytes_per_second",
            _ => "",
        };
        const string TotalSuffix = "_total";
        bool hasTotal = name.EndsWith(TotalSuffix, StringComparison.Ordinal);
        string stem = hasTotal ? name[..^TotalSuffix.Length] : name;
        stem = stem.EndsWith(suffix, StringComparison.Ordinal) ? stem : stem + suffix;
        return hasTotal || kind == MetricKind.Counter ? stem + TotalSuffix : stem;
    }

    public static string Label(string name) => Sanitize(name, allowColon: false);

    public static string EscapeValue(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    public static string EscapeHelp(string help) => help
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Sanitize(string name, bool allowColon)
    {
        string sanitized = string.Create(name.Length, (name, allowColon), static (destination, source) =>
        {
            for (int i = 0; i < destination.Length; i++)
            {
                char letter = source.name[i];
                destination[i] = char.IsAsciiLetterOrDigit(letter) || (letter == ':' && source.allowColon) ? letter : '_';
            }
        });
        return sanitized.Length > 0 && char.IsAsciiDigit(sanitized[0]) ? "_" + sanitized : sanitized;
    }
}
