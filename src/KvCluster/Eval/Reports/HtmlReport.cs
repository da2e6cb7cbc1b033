using System.Xml.Linq;
using KvCluster.CommandLine.Eval.Auto;

namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>The report as one file of HTML that is also well-formed XML: plot and tables, nothing from elsewhere, no scripts.</summary>
internal static class HtmlReport
{
    private const string Style = """
        body { font: 14px/1.45 sans-serif; margin: 2em auto; max-width: 1100px; padding: 0 1em; color: #222; background: #fff; }
        svg { width: 100%; height: auto; border: 1px solid #ddd; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: 0.25em 0.7em; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
        th:first-child, td:first-child { text-align: left; font-family: monospace; }
        thead th { border-bottom: 2px solid #888; }
        """;

    private static readonly XNamespace Html = "http://www.w3.org/1999/xhtml";

    public static string Write(EvalReport report)
    {
        PlotPoint[] points = [.. report.Specs.Select(spec => new PlotPoint(spec.KvSpec, spec.ReferenceBytesPerToken, spec.MeanAccuracy))];
        string title = $"{report.Model} on {report.Data}: accuracy against bytes";
        var page = new XElement(
            Html + "html",
            new XAttribute("lang", "en"),
            new XElement(
                Html + "head",
                new XElement(Html + "meta", new XAttribute("charset", "utf-8")),
                new XElement(
                    Html + "meta",
                    new XAttribute("http-equiv", "Content-Security-Policy"),
                    new XAttribute("content", "default-src 'none'; style-src 'unsafe-inline'")),
                Element("title", title),
                new XElement(Html + "style", Style)),
            new XElement(
                Html + "body",
                Element("h1", title),
                report.Auto.Select(choice => Element("p", AutoLine.Of(choice))),
                AccuracyPlot.Draw(points),
                ReportSections.Of(report, details: true).Select(Section),
                Element("p", TextReport.Legend)));
        return "<!DOCTYPE html>\n" + page.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    private static XElement[] Section(ReportSection section) =>
    [
        Element("h2", section.Title),
        new XElement(
            Html + "div",
            new XAttribute("class", "wide"),
            new XElement(
                Html + "table",
                new XElement(Html + "thead", new XElement(Html + "tr", section.Headings.Select(heading => Element("th", heading)))),
                new XElement(
                    Html + "tbody",
                    section.Rows.Select(row => new XElement(Html + "tr", row.Select(cell => Element("td", cell))))))),
    ];

    private static XElement Element(string name, string text) => new(Html + name, XmlText.Clean(text));
}
