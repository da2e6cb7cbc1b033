namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>The axes of the plot: bytes a token, logarithmic, and accuracy, linear.</summary>
internal sealed class PlotScale
{
    private static readonly double[] AccuracySteps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
    private readonly double _logLeast;
    private readonly double _logGreatest;
    private readonly double _leastAccuracy;
    private readonly double _accuracyStep;

    public PlotScale(IReadOnlyList<PlotPoint> points)
    {
        // A quarter of an octave of room on both sides.
        _logLeast = Math.Log2(Math.Max(1, points.Min(point => point.BytesPerToken))) - 0.25;
        _logGreatest = Math.Log2(Math.Max(1, points.Max(point => point.BytesPerToken))) + 0.25;
        double span = Math.Max(0.005, 1 - points.Min(point => point.Accuracy));
        _accuracyStep = AccuracySteps.FirstOrDefault(step => span / step <= 8, AccuracySteps[^1]);
        _leastAccuracy = 1 - (_accuracyStep * (Math.Floor(span / _accuracyStep) + 1));
    }

    /// <summary>Powers of two within the axis.</summary>
    public IEnumerable<double> ByteTicks
    {
        get
        {
            for (double tick = Math.Ceiling(_logLeast); tick <= _logGreatest; tick++)
            {
                yield return Math.Pow(2, tick);
            }
        }
    }

    public IEnumerable<double> AccuracyTicks
    {
        get
        {
            int count = (int)Math.Round((1 - _leastAccuracy) / _accuracyStep);
            return Enumerable.Range(0, count + 1).Select(i => 1 - (i * _accuracyStep)).Where(tick => tick >= 0);
        }
    }

    /// <summary>0 at the left end, 1 at the right.</summary>
    public double X(double bytesPerToken) => (Math.Log2(Math.Max(1, bytesPerToken)) - _logLeast) / (_logGreatest - _logLeast);

    /// <summary>0 at the bottom, 1 at an accuracy of 1.</summary>
    public double Y(double accuracy) => (accuracy - _leastAccuracy) / (1 - _leastAccuracy);
}
