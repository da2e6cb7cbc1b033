using System.Xml.Linq;

namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>Accuracy against bytes a token as an SVG element, complete without scripts and styles from elsewhere.</summary>
internal static class AccuracyPlot
{
    private const double Width = 960;
    private const double Height = 540;
    private const double Left = 70;
    private const double Right = Width - 20;
    private const double Top = 20;
    private const double Bottom = Height - 60;
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <param name="points">At least one; the label of each is drawn.</param>
    public static XElement Draw(IReadOnlyList<PlotPoint> points)
    {
        var scale = new PlotScale(points);
        IReadOnlyList<PlotPoint> front = ParetoFront.Of(points);
        var layout = new LabelLayout(Left, Top, Right, Bottom);
        foreach (PlotPoint point in points)
        {
            layout.Occupy(X(scale, point), Y(scale, point));
        }

        return new XElement(
            Svg + "svg",
            new XAttribute("viewBox", $"0 0 {Width} {Height}"),
            new XAttribute("role", "img"),
            new XAttribute("font-family", "sans-serif"),
            new XAttribute("font-size", "11"),
            new XElement(Svg + "title", "Mean accuracy against bytes a token"),
            Axes(scale),
            Front(scale, front),
            // Labels of the front take the best places.
            points.OrderByDescending(front.Contains).Select(point => Point(scale, point, front.Contains(point), layout)));
    }

    private static IEnumerable<XElement> Axes(PlotScale scale)
    {
        foreach (double bytes in scale.ByteTicks)
        {
            double x = Left + (scale.X(bytes) * (Right - Left));
            yield return Line(x, Top, x, Bottom, "#ddd");
            yield return Text(x, Bottom + 16, bytes.ToString("N0"), "middle");
        }

        foreach (double accuracy in scale.AccuracyTicks)
        {
            double y = Bottom - (scale.Y(accuracy) * (Bottom - Top));
            yield return Line(Left, y, Right, y, "#ddd");
            yield return Text(Left - 6, y + 4, $"{100 * accuracy:0.#} %", "end");
        }

        yield return Line(Left, Bottom, Right, Bottom, "#333");
        yield return Line(Left, Top, Left, Bottom, "#333");
        yield return Text((Left + Right) / 2, Bottom + 40, "KV bytes a token, all counted, at prompts of 4,096 tokens (logarithmic)", "middle");
        XElement name = Text(0, 0, "mean accuracy", "middle");
        name.SetAttributeValue("transform", $"translate(16 {Number((Top + Bottom) / 2)}) rotate(-90)");
        yield return name;
    }

    /// <summary>The best accuracy that so many bytes buy: level from each point of the front to the next larger one.</summary>
    private static XElement Front(PlotScale scale, IReadOnlyList<PlotPoint> front)
    {
        List<string> corners = [];
        for (int i = 0; i < front.Count; i++)
        {
            if (i > 0)
            {
                corners.Add($"{Number(X(scale, front[i]))},{Number(Y(scale, front[i - 1]))}");
            }

            corners.Add($"{Number(X(scale, front[i]))},{Number(Y(scale, front[i]))}");
        }

        return new XElement(
            Svg + "polyline",
            new XAttribute("class", "front"),
            new XAttribute("points", string.Join(' ', corners)),
            new XAttribute("fill", "none"),
            new XAttribute("stroke", "#c33"),
            new XAttribute("stroke-width", "1.5"));
    }

    private static XElement Point(PlotScale scale, PlotPoint point, bool isOnFront, LabelLayout layout)
    {
        double x = X(scale, point);
        double y = Y(scale, point);
        (double labelX, double labelY, bool isRight) = layout.Place(point.Label, x, y);
        return new XElement(
            Svg + "g",
            new XAttribute("class", "spec"),
            new XElement(Svg + "title", $"{XmlText.Clean(point.Label)}: {point.BytesPerToken:N0} bytes a token, {100 * point.Accuracy:0.00} %"),
            Math.Abs(labelY - y - 4) > 6 ? Line(x, y, labelX, labelY - 4, "#aaa") : null,
            new XElement(
                Svg + "circle",
                new XAttribute("cx", Number(x)),
                new XAttribute("cy", Number(y)),
                new XAttribute("r", "4"),
                new XAttribute("fill", isOnFront ? "#c33" : "#fff"),
                new XAttribute("stroke", isOnFront ? "#c33" : "#36c"),
                new XAttribute("stroke-width", "1.5")),
            Text(labelX, labelY, point.Label, isRight ? "start" : "end"));
    }

    private static double X(PlotScale scale, PlotPoint point) => Left + (scale.X(point.BytesPerToken) * (Right - Left));

    private static double Y(PlotScale scale, PlotPoint point) => Bottom - (scale.Y(point.Accuracy) * (Bottom - Top));

    private static XElement Line(double x1, double y1, double x2, double y2, string stroke) => new(
        Svg + "line",
        new XAttribute("x1", Number(x1)),
        new XAttribute("y1", Number(y1)),
        new XAttribute("x2", Number(x2)),
        new XAttribute("y2", Number(y2)),
        new XAttribute("stroke", stroke));

    private static XElement Text(double x, double y, string text, string anchor) => new(
        Svg + "text",
        new XAttribute("x", Number(x)),
        new XAttribute("y", Number(y)),
        new XAttribute("text-anchor", anchor),
        XmlText.Clean(text));

    private static string Number(double value) => value.ToString("0.#");
}
