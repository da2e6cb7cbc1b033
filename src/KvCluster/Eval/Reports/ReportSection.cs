namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>A table of the report, for the terminal and for HTML alike.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Headings">One a column; the first column is the spec.</param>
/// <param name="Rows">As many cells a row as there are headings.</param>
internal sealed record ReportSection(string Title, IReadOnlyList<string> Headings, IReadOnlyList<IReadOnlyList<string>> Rows);
