using Spectre.Console;

namespace KvCluster.CommandLine.Eval;

/// <summary>The report side by side on the terminal: one column a spec.</summary>
internal static class EvalTable
{
    public static void Write(IAnsiConsole console, EvalReport report)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumn("measure");
        foreach (SpecResult spec in report.Specs)
        {
            table.AddColumn(new TableColumn(Markup.Escape(spec.KvSpec)).RightAligned());
        }

        foreach (TaskResult task in report.Specs[0].Tasks)
        {
            Row($"{task.Task} ({task.RowCount})", spec => Percent(spec.Tasks.Single(other => other.Task == task.Task).Accuracy));
        }

        Row("mean accuracy", spec => Percent(spec.MeanAccuracy));
        Row("mean NLL of references, nats/token", spec => spec.MeanNll is { } nll ? nll.ToString("0.0000") : "-");
        Row("KV bytes a token", spec => spec.BytesPerToken.ToString("N0"));
        Row("ratio against 16 bit", spec => spec.Ratio.ToString("0.00"));
        Row("tokens moved", spec => spec.TokensMoved.ToString("N0"));
        Row("MB moved", spec => (spec.BytesMoved / 1e6).ToString("N0"));
        Row("wall time, s", spec => spec.WallSeconds.ToString("0.0"));
        console.Write(table);

        void Row(string measure, Func<SpecResult, string> value) =>
            table.AddRow([Markup.Escape(measure), .. report.Specs.Select(spec => Markup.Escape(value(spec)))]);
    }

    private static string Percent(double share) => (100 * share).ToString("0.0") + " %";
}
