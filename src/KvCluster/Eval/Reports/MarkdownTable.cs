namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>A table in Markdown, aligned for the terminal: the first column to the left, the others to the right. Never wrapped.</summary>
internal sealed class MarkdownTable(IReadOnlyList<string> headings)
{
    private readonly List<IReadOnlyList<string>> _rows = [[.. headings.Select(Clean)]];

    public void Add(IReadOnlyList<string> cells) => _rows.Add([.. cells.Select(Clean)]);

    public void WriteTo(TextWriter writer)
    {
        int[] widths = [.. headings.Select((_, column) => Math.Max(3, _rows.Max(row => row[column].Length)))];
        Write(writer, _rows[0], widths);
        writer.WriteLine("|" + string.Join("|", widths.Select((width, i) => i == 0 ? new string('-', width + 2) : new string('-', width + 1) + ":")) + "|");
        foreach (IReadOnlyList<string> row in _rows.Skip(1))
        {
            Write(writer, row, widths);
        }
    }

    private static void Write(TextWriter writer, IReadOnlyList<string> row, int[] widths) =>
        writer.WriteLine("| " + string.Join(" | ", row.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))) + " |");

    /// <summary>Neither columns nor the terminal can be moved by what a file names its tasks.</summary>
    private static string Clean(string text) =>
        string.Concat(text.Select(c => c == '|' ? "\\|" : char.IsControl(c) ? "\uFFFD" : c.ToString()));
}
