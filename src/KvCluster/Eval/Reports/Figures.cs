namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>How numbers are written in tables; a measure that was not taken is a dash.</summary>
internal static class Figures
{
    public const string None = "-";

    public static string Percent(double? share) => share is { } value ? (100 * value).ToString("0.0") + " %" : None;

    public static string Ratio(double? ratio) => ratio is { } value ? value.ToString("0.00") : None;

    public static string Nats(double? nats) => nats is { } value ? value.ToString("0.0000") : None;

    public static string Count(double? count) => count is { } value ? value.ToString("N0") : None;

    public static string Microseconds(double? time) => time is { } value ? value.ToString(value < 100 ? "0.0" : "N0") : None;
}
