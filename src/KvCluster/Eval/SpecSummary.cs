using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval;

/// <summary>The arithmetic from answered prompts to one line of the report.</summary>
internal static class SpecSummary
{
    /// <param name="codec">The codec that was measured.</param>
    /// <param name="outcomes">One a prompt.</param>
    /// <param name="rawMeanAccuracy">Of <c>raw</c> on the same prompts; null when this is <c>raw</c>.</param>
    /// <param name="wall">How long it took.</param>
    public static SpecResult Of(KvCodec codec, IReadOnlyCollection<RowOutcome> outcomes, double? rawMeanAccuracy, TimeSpan wall)
    {
        TaskResult[] tasks = [.. outcomes.GroupBy(outcome => outcome.Row.Task).Select(Of).OrderBy(task => task.Task, StringComparer.Ordinal)];
        double accuracy = tasks.Average(task => task.Accuracy);
        long tokens = outcomes.Sum(outcome => outcome.KvTokensMoved);
        long bytes = outcomes.Sum(outcome => outcome.KvBytesMoved);
        double bytesPerToken = tokens == 0 ? 0 : (double)bytes / tokens;
        EncodedSize reference = EncodedSize.ForPrompt(codec, SpecResult.ReferencePromptTokens);
        return new SpecResult
        {
            KvSpec = codec.Spec,
            Tasks = tasks,
            MeanAccuracy = accuracy,
            AccuracyKept = Kept(accuracy, rawMeanAccuracy ?? accuracy),
            MeanNll = MeanNll(outcomes),
            BytesPerToken = bytesPerToken,
            Ratio = bytes == 0 ? 0 : codec.Geometry.TokenSizeBytes / bytesPerToken,
            ReferenceBytesPerToken = reference.BytesPerToken,
            ReferenceRatio = reference.Ratio,
            TokensMoved = tokens,
            BytesMoved = bytes,
            RowCount = outcomes.Count,
            WallSeconds = wall.TotalSeconds,
        };
    }

    /// <summary>Mean over tasks of the share of right answers.</summary>
    public static double MeanAccuracy(IEnumerable<RowOutcome> outcomes) =>
        outcomes.GroupBy(outcome => outcome.Row.Task).Average(task => task.Average(outcome => outcome.IsRight ? 1.0 : 0));

    public static double? Kept(double accuracy, double rawAccuracy) => rawAccuracy > 0 ? accuracy / rawAccuracy : null;

    private static TaskResult Of(IGrouping<string, RowOutcome> task)
    {
        int right = task.Count(outcome => outcome.IsRight);
        return new TaskResult(task.Key, task.Count(), right, (double)right / task.Count(), MeanNll([.. task]));
    }

    private static double? MeanNll(IReadOnlyCollection<RowOutcome> outcomes)
    {
        long tokens = outcomes.Sum(outcome => (long)outcome.ReferenceTokenCount);
        return tokens == 0 ? null : outcomes.Sum(outcome => outcome.ReferenceNll) / tokens;
    }
}
