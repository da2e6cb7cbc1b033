using KvCluster.CommandLine.Terminal;

namespace KvCluster.CommandLine.Eval.SecondQuestions;

/// <summary>The second question of each row, as <c>--second</c> asks for them.</summary>
internal static class SecondQuestionSource
{
    private const string FromDocuments = "on";

    /// <param name="option"><c>on</c>: made from the documents. Else a file of rows: the n-th of a task belongs to the n-th of that task in the data. Null: none.</param>
    /// <param name="rows">The rows of the data.</param>
    /// <returns>One a row; null where there is none.</returns>
    /// <exception cref="BadArgumentException">The file can't be used, or no row gets a question.</exception>
    public static IReadOnlyList<SecondQuestion?> Of(string? option, IReadOnlyList<EvalRow> rows)
    {
        SecondQuestion?[] questions = option switch
        {
            null => new SecondQuestion?[rows.Count],
            FromDocuments => [.. rows.Select((row, i) => DocumentQuestions.TryMake(row, new Random(i)))],
            _ => FromFile(option, rows),
        };
        return option is null || questions.Any(question => question is not null)
            ? questions
            : throw new BadArgumentException($"--second: no row of the data has a second question in '{option}'");
    }

    private static SecondQuestion?[] FromFile(string path, IReadOnlyList<EvalRow> rows)
    {
        Dictionary<string, Queue<EvalRow>> byTask = EvalFile.Read(path, null, "--second").GroupBy(row => row.Task).ToDictionary(task => task.Key, task => new Queue<EvalRow>(task));
        return [.. rows.Select(row => byTask.TryGetValue(row.Task, out Queue<EvalRow>? left) && left.TryDequeue(out EvalRow? second)
            ? new SecondQuestion(second.Prompt, second.Answer)
            : null)];
    }
}
