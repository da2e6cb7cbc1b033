using System.Text.Json;
using System.Xml.Linq;
using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Eval.Reports;

namespace KvCluster.Cluster.Tests.Eval;

/// <summary>What an evaluation shows and saves.</summary>
public sealed class ReportTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Html_HostileNames_IsWellFormedAndShowsThemAsText()
    {
        string html = HtmlReport.Write(Reports.Of(("raw", 16400, 1), (Reports.HostileSpec, 4000, 0.9)));

        var page = XDocument.Parse(html);
        string[] names = [.. page.Descendants().Select(element => element.Name.LocalName)];
        Assert.DoesNotContain("script", names);
        Assert.DoesNotContain("img", names);
        Assert.DoesNotContain("link", names);
        Assert.DoesNotContain(page.Descendants().Attributes(), attribute => attribute.Name.LocalName is "src" or "href" or "onerror");
        Assert.Contains(page.Descendants(Svg + "text"), text => text.Value == Reports.HostileSpec);
        Assert.Contains("<script>alert(1)</script>|\uFFFD[31m&\"'\uFFFD\uFFFD (10)", page.Descendants().Select(element => element.Value));
    }

    [Fact]
    public void Html_ManySpecs_PlotHasAPointAndALabelOfEach()
    {
        (string Spec, double BytesPerToken, double Accuracy)[] specs =
            [.. Enumerable.Range(1, 30).Select(i => ($"projector(rank={i})+quantiser(bits={i})", 16000.0 / i, 1 - (i % 5 * 0.001)))];

        XElement plot = XDocument.Parse(HtmlReport.Write(Reports.Of(specs))).Descendants(Svg + "svg").Single();

        Assert.Equal(specs.Length, plot.Descendants(Svg + "circle").Count());
        Assert.All(specs, spec => Assert.Contains(plot.Descendants(Svg + "text"), text => text.Value == spec.Spec));
        Assert.Single(plot.Descendants(Svg + "polyline"));
        Assert.All(
            plot.Descendants(Svg + "circle"),
            circle =>
            {
                Assert.InRange((double)circle.Attribute("cx")!, 70, 940);
                Assert.InRange((double)circle.Attribute("cy")!, 20, 480);
            });
        XElement[] labels = [.. plot.Descendants(Svg + "g").Select(group => group.Element(Svg + "text")!)];
        Assert.Equal(labels.Length, labels.Select(label => ((double)label.Attribute("x")!, (double)label.Attribute("y")!)).Distinct().Count());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(1)]
    public void Html_OneSpecOfAnyAccuracy_IsDrawn(double accuracy)
    {
        XElement plot = XDocument.Parse(HtmlReport.Write(Reports.Of(("raw", 16400, accuracy)))).Descendants(Svg + "svg").Single();

        XElement circle = plot.Descendants(Svg + "circle").Single();
        Assert.InRange((double)circle.Attribute("cy")!, 20, 480);
        Assert.True(plot.Descendants(Svg + "line").Count() >= 4);
    }

    [Fact]
    public void Text_HostileNames_KeepColumnsAndTerminal()
    {
        using var writer = new StringWriter();
        TextReport.Write(writer, Reports.Of(("raw", 16400, 1), ("int4", 4304, 0.99)), details: true);

        string[] lines = writer.ToString().Split('\n');
        Assert.DoesNotContain('\u001b', writer.ToString());
        string[] overview = [.. lines.Where(line => line.Contains('|', StringComparison.Ordinal)).Take(4)];
        Assert.All(overview, line => Assert.InRange(line.Length, 1, 160));
        Assert.Equal(2, lines.Count(line => line.StartsWith("| int4 ", StringComparison.Ordinal) && line.Contains(" 20.0 % ", StringComparison.Ordinal) || line.StartsWith("| int4 ", StringComparison.Ordinal) && line.Contains(" 90.0 % ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Json_FullReport_HasTheFieldsThatReadersKnow()
    {
        using var json = JsonDocument.Parse(JsonSerializer.Serialize(Reports.Full(), EvalJson.Default.EvalReport));

        Assert.Equal(2, json.RootElement.GetProperty("version").GetInt32());
        Assert.Equal(["version", "data", "model", "raw_bytes_per_token", "specs", "auto"], Names(json.RootElement));
        JsonElement spec = json.RootElement.GetProperty("specs")[1];
        Assert.Equal(
            [
                "kv_spec", "tasks", "mean_accuracy", "accuracy_kept", "mean_nll", "bytes_per_token", "ratio", "bytes_per_token_at_4096", "ratio_at_4096",
                "tokens_moved", "bytes_moved", "row_count", "wall_seconds", "diagnosis", "second_question",
            ],
            Names(spec));
        Assert.Equal(["task", "row_count", "right_count", "accuracy", "mean_nll"], Names(spec.GetProperty("tasks")[0]));
        JsonElement diagnosis = spec.GetProperty("diagnosis");
        Assert.Equal(
            ["row_count", "distribution_count", "kl_divergence", "same_token_share", "attention_error", "attention_errors", "timing"], Names(diagnosis));
        Assert.Equal(0.2, diagnosis.GetProperty("attention_error").GetDouble(), 12);
        Assert.Equal(
            ["context_token_count", "encode_microseconds_per_token", "attention_microseconds", "raw_attention_microseconds", "attention_time_of_raw"],
            Names(diagnosis.GetProperty("timing")));
        Assert.Equal(0.5, diagnosis.GetProperty("timing").GetProperty("attention_time_of_raw").GetDouble());
        Assert.Equal(
            ["document_count", "first_accuracy", "second_accuracy", "alone_accuracy", "cached_share", "least_cached_tokens"],
            Names(spec.GetProperty("second_question")));
        JsonElement auto = json.RootElement.GetProperty("auto")[0];
        Assert.Equal(["asked", "accuracy_bound", "chosen", "ratio_at_4096", "accuracy_kept", "trials"], Names(auto));
        Assert.Equal(["kv_spec", "ratio_at_4096", "verdict", "kl_divergence", "sample_kept", "accuracy_kept"], Names(auto.GetProperty("trials")[0]));
        Assert.Equal("Chosen", auto.GetProperty("trials")[0].GetProperty("verdict").GetString());
    }

    [Fact]
    public void Front_AnyPoints_IsWhatNothingBeats()
    {
        var random = new Random(7);
        for (int round = 0; round < 200; round++)
        {
            PlotPoint[] points = [.. Enumerable.Range(0, random.Next(1, 12)).Select(i => new PlotPoint($"{i}", random.Next(1, 6), random.Next(0, 5) / 4.0))];

            PlotPoint[] expected = [.. points.Where(point => !points.Any(other =>
                other.BytesPerToken <= point.BytesPerToken && other.Accuracy >= point.Accuracy
                && (other.BytesPerToken < point.BytesPerToken || other.Accuracy > point.Accuracy)))];

            Assert.Equal(expected.OrderBy(point => point.Label), ParetoFront.Of(points).OrderBy(point => point.Label));
        }
    }

    private static string[] Names(JsonElement element) => [.. element.EnumerateObject().Select(property => property.Name)];
}
