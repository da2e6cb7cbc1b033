namespace KvCluster.CommandLine.Eval.SecondQuestions;

/// <summary>The arithmetic from second questions to one line of the report.</summary>
internal static class SecondQuestionSummary
{
    /// <returns>Null when no second question was asked.</returns>
    public static SecondQuestionResult? Of(IEnumerable<RowOutcome> outcomes)
    {
        RowOutcome[] asked = [.. outcomes.Where(outcome => outcome.Second is not null)];
        return asked.Length == 0 ? null : new SecondQuestionResult
        {
            DocumentCount = asked.Length,
            FirstAccuracy = Share(asked, outcome => outcome.IsRight),
            SecondAccuracy = Share(asked, outcome => outcome.Second!.IsRight),
            AloneAccuracy = Share(asked, outcome => outcome.Second!.IsRightAlone),
            CachedShare = asked.Sum(outcome => (double)outcome.Second!.CachedTokens) / asked.Sum(outcome => (double)outcome.Second!.PromptTokens),
            LeastCachedTokens = asked.Min(outcome => outcome.Second!.CachedTokens),
        };
    }

    /// <summary>Mean over tasks, as accuracies are everywhere.</summary>
    private static double Share(IEnumerable<RowOutcome> outcomes, Func<RowOutcome, bool> isRight) =>
        outcomes.GroupBy(outcome => outcome.Row.Task).Average(task => task.Average(outcome => isRight(outcome) ? 1.0 : 0));
}
