namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>The points that no other point beats.</summary>
internal static class ParetoFront
{
    /// <summary>Those with no point of at most as many bytes and at least as much accuracy, one of them better; by bytes ascending.</summary>
    public static IReadOnlyList<PlotPoint> Of(IEnumerable<PlotPoint> points)
    {
        List<PlotPoint> front = [];
        foreach (PlotPoint point in points.OrderBy(point => point.BytesPerToken).ThenByDescending(point => point.Accuracy))
        {
            if (front.Count == 0 || point.Accuracy > front[^1].Accuracy || point == front[^1] with { Label = point.Label })
            {
                front.Add(point);
            }
        }

        return front;
    }
}
