using KvCluster.CommandLine.Eval.Diagnosis;
using KvCluster.CommandLine.Eval.SecondQuestions;

namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>The tables of a report.</summary>
internal static class ReportSections
{
    /// <param name="report">The report.</param>
    /// <param name="details">Whether attention errors of every layer are shown.</param>
    public static IEnumerable<ReportSection> Of(EvalReport report, bool details)
    {
        yield return Overview(report);
        yield return Tasks(report);
        if (report.Specs.Any(spec => spec.SecondQuestion is not null))
        {
            yield return SecondQuestions(report);
        }

        if (details && report.Specs.Any(spec => spec.Diagnosis?.AttentionErrors.Count > 0))
        {
            yield return Layers(report);
        }
    }

    private static ReportSection Overview(EvalReport report) => new(
        "Accuracy against bytes",
        ["spec", "ratio", "at 4,096", "B/token", "accuracy", "kept", "NLL", "KL", "attn error", "encode us", "attn us", "of raw"],
        [.. report.Specs.Select(spec =>
        {
            SpecDiagnosis? diagnosis = spec.Diagnosis;
            CodecTiming? timing = diagnosis?.Timing;
            return (string[])
            [
                spec.KvSpec,
                Figures.Ratio(spec.Ratio),
                Figures.Ratio(spec.ReferenceRatio),
                Figures.Count(spec.ReferenceBytesPerToken),
                Figures.Percent(spec.MeanAccuracy),
                Figures.Percent(spec.AccuracyKept),
                Figures.Nats(spec.MeanNll),
                Figures.Nats(diagnosis?.KlDivergence),
                Figures.Percent(diagnosis?.AttentionError),
                Figures.Microseconds(timing?.EncodeMicrosecondsPerToken),
                Figures.Microseconds(timing?.AttentionMicroseconds),
                Figures.Ratio(timing?.AttentionTimeOfRaw),
            ];
        })]);

    private static ReportSection Tasks(EvalReport report) => new(
        "Accuracy by task",
        ["spec", .. report.Specs[0].Tasks.Select(task => $"{task.Task} ({task.RowCount})")],
        [.. report.Specs.Select(spec => (string[])
        [
            spec.KvSpec,
            .. report.Specs[0].Tasks.Select(task => Figures.Percent(spec.Tasks.Single(other => other.Task == task.Task).Accuracy)),
        ])]);

    private static ReportSection SecondQuestions(EvalReport report) => new(
        "Two questions about one document",
        ["spec", "documents", "first", "second, prefix reused", "second, asked alone", "cached"],
        [.. report.Specs.Select(spec =>
        {
            SecondQuestionResult? second = spec.SecondQuestion;
            return (string[])
            [
                spec.KvSpec,
                Figures.Count(second?.DocumentCount),
                Figures.Percent(second?.FirstAccuracy),
                Figures.Percent(second?.SecondAccuracy),
                Figures.Percent(second?.AloneAccuracy),
                Figures.Percent(second?.CachedShare),
            ];
        })]);

    private static ReportSection Layers(EvalReport report)
    {
        int count = report.Specs.Max(spec => spec.Diagnosis?.AttentionErrors.Count ?? 0);
        return new ReportSection(
            "Attention-output error by layer",
            ["spec", .. Enumerable.Range(0, count).Select(layer => $"{layer}")],
            [.. report.Specs.Select(spec => (string[])
            [
                spec.KvSpec,
                .. Enumerable.Range(0, count).Select(layer => Figures.Percent(spec.Diagnosis?.AttentionErrors.ElementAtOrDefault(layer))),
            ])]);
    }
}
