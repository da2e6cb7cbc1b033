using KvCluster.CommandLine.Eval.SecondQuestions;
using KvCluster.CommandLine.Serve;

namespace KvCluster.CommandLine.Eval;

/// <summary>Runs rows against a cluster that encodes KV with one spec.</summary>
internal static class SpecEvaluator
{
    /// <summary>Requests in flight: enough to fill decode batches while a prompt is prefilled.</summary>
    private const int Concurrency = 8;

    /// <param name="cluster">The cluster to start.</param>
    /// <param name="rows">Rows, each with its second question.</param>
    /// <param name="rowDone">Called after each row, from many threads.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>One outcome a row, in the order of the rows.</returns>
    public static async Task<RowOutcome[]> RunAsync(
        ClusterOptions cluster, IReadOnlyList<(EvalRow Row, SecondQuestion? Second)> rows, Action rowDone, CancellationToken cancellationToken)
    {
        await using Connection connection = await Connection.OpenAsync(null, cluster, cancellationToken);
        var evaluator = new RowEvaluator(connection.Inference);
        var outcomes = new RowOutcome[rows.Count];
        await Parallel.ForAsync(
            0,
            rows.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellationToken },
            async (i, token) =>
            {
                outcomes[i] = await evaluator.EvaluateAsync(rows[i].Row, rows[i].Second, token);
                rowDone();
            });
        return outcomes;
    }
}
