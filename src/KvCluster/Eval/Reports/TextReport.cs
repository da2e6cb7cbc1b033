namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>The report on the terminal.</summary>
internal static class TextReport
{
    public const string Legend =
        "ratio: 16-bit bytes over all bytes that moved; at 4,096: the same for a prompt of 4,096 tokens, and B/token its bytes. kept: of raw's accuracy. "
        + "NLL, KL(raw, spec): nats a token. attn error: mean over layers. encode: us a token on one thread; attn: us a token on all cores; of raw: time of raw's attention.";

    public static void Write(TextWriter writer, EvalReport report, bool details)
    {
        foreach (ReportSection section in ReportSections.Of(report, details))
        {
            var table = new MarkdownTable(section.Headings);
            foreach (IReadOnlyList<string> row in section.Rows)
            {
                table.Add(row);
            }

            writer.WriteLine();
            table.WriteTo(writer);
        }

        writer.WriteLine();
        writer.WriteLine(Legend);
    }
}
