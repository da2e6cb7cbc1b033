using KvCluster.Inference.Calibration;
using Spectre.Console;

namespace KvCluster.CommandLine.Calibrate;

/// <summary>A bar for each phase of a calibration, on the thread that reports.</summary>
internal sealed class ProgressBars(ProgressContext context) : IProgress<CalibrationProgress>
{
    private readonly Dictionary<string, ProgressTask> _bars = [];

    public void Report(CalibrationProgress value)
    {
        if (!_bars.TryGetValue(value.Phase, out ProgressTask? bar))
        {
            bar = context.AddTask(Markup.Escape(value.Phase), maxValue: value.Total);
            _bars.Add(value.Phase, bar);
        }

        bar.Value = value.Done;
    }
}
