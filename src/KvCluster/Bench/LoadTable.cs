using Spectre.Console;

namespace KvCluster.CommandLine.Bench;

/// <summary>Two load runs beside each other.</summary>
internal static class LoadTable
{
    public static void Write(IAnsiConsole console, LoadResult one, LoadResult many)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns(new TableColumn("measure"), Column(one), Column(many), new TableColumn("ratio").RightAligned());
        Rate("requests a second", result => result.RequestsPerSecond);
        Rate("generated tokens a second", result => result.GeneratedTokensPerSecond);
        Rate("prompt tokens a second", result => result.PromptTokensPerSecond);
        Time("TTFT median, ms", result => LoadResult.Percentile(result.TimeToFirstToken, 0.5));
        Time("TTFT p95, ms", result => LoadResult.Percentile(result.TimeToFirstToken, 0.95));
        Time("TBT median, ms", result => LoadResult.Percentile(result.TimeBetweenTokens, 0.5));
        Time("TBT p95, ms", result => LoadResult.Percentile(result.TimeBetweenTokens, 0.95));
        Time("longest gap between tokens, median, ms", result => LoadResult.Percentile(result.LongestGap, 0.5));
        table.AddRow("requests", $"{one.RequestCount}", $"{many.RequestCount}", "");
        table.AddRow("failed", $"{one.FailedCount}", $"{many.FailedCount}", "");
        console.Write(table);

        TableColumn Column(LoadResult result) => new TableColumn($"{result.ClientCount} client{(result.ClientCount == 1 ? "" : "s")}").RightAligned();

        void Rate(string measure, Func<LoadResult, double> value) =>
            table.AddRow(measure, value(one).ToString("N1"), value(many).ToString("N1"), (value(many) / value(one)).ToString("0.00"));

        void Time(string measure, Func<LoadResult, TimeSpan> value) =>
            table.AddRow(measure, value(one).TotalMilliseconds.ToString("N1"), value(many).TotalMilliseconds.ToString("N1"), (value(many) / value(one)).ToString("0.00"));
    }
}
