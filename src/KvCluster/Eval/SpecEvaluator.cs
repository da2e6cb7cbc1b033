using System.Diagnostics;
using KvCluster.CommandLine.Serve;

namespace KvCluster.CommandLine.Eval;

/// <summary>Runs all rows against a cluster that encodes KV with one spec.</summary>
internal static class SpecEvaluator
{
    /// <summary>Requests in flight: enough to fill decode batches while a prompt is prefilled.</summary>
    private const int Concurrency = 8;

    public static async Task<SpecResult> RunAsync(
        ClusterOptions cluster, IReadOnlyList<EvalRow> rows, int rawBytesPerToken, Action rowDone, CancellationToken cancellationToken)
    {
        await using Connection connection = await Connection.OpenAsync(null, cluster, cancellationToken);
        var evaluator = new RowEvaluator(connection.Inference);
        var outcomes = new RowOutcome[rows.Count];
        var clock = Stopwatch.StartNew();
        await Parallel.ForAsync(
            0,
            rows.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellationToken },
            async (i, token) =>
            {
                outcomes[i] = await evaluator.EvaluateAsync(rows[i], token);
                rowDone();
            });
        return Summarize(cluster.KvSpec, outcomes, rawBytesPerToken, clock.Elapsed);
    }

    internal static SpecResult Summarize(string spec, IReadOnlyCollection<RowOutcome> outcomes, int rawBytesPerToken, TimeSpan wall)
    {
        TaskResult[] tasks = [.. outcomes.GroupBy(outcome => outcome.Row.Task).Select(Summarize).OrderBy(task => task.Task, StringComparer.Ordinal)];
        long tokens = outcomes.Sum(outcome => outcome.KvTokensMoved);
        long bytes = outcomes.Sum(outcome => outcome.KvBytesMoved);
        double bytesPerToken = tokens == 0 ? 0 : (double)bytes / tokens;
        return new SpecResult
        {
            KvSpec = spec,
            Tasks = tasks,
            MeanAccuracy = tasks.Average(task => task.Accuracy),
            MeanNll = MeanNll(outcomes),
            BytesPerToken = bytesPerToken,
            Ratio = bytes == 0 ? 0 : rawBytesPerToken / bytesPerToken,
            TokensMoved = tokens,
            BytesMoved = bytes,
            RowCount = outcomes.Count,
            WallSeconds = wall.TotalSeconds,
        };
    }

    private static TaskResult Summarize(IGrouping<string, RowOutcome> task)
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
