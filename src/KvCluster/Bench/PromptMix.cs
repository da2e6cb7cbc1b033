using KvCluster.CommandLine.Eval;

namespace KvCluster.CommandLine.Bench;

/// <summary>The order in which prompts are sent.</summary>
internal static class PromptMix
{
    private const int MaxTokens = 200;

    /// <summary>Greedy requests, none repeated until all prompts were sent. Not for several callers at a time.</summary>
    public static Func<V1.GenerateRequest> Requests(IReadOnlyList<string> prompts)
    {
        int next = 0;
        return () => new V1.GenerateRequest { Text = prompts[next++ % prompts.Count], Sampling = new V1.Sampling { Temperature = 0, MaxTokens = MaxTokens } };
    }

    /// <summary>One prompt of each task in turn, so that every stretch has the same mix.</summary>
    public static IReadOnlyList<string> Interleave(IEnumerable<EvalRow> rows)
    {
        string[][] tasks = [.. rows.GroupBy(row => row.Task).Select(task => task.Select(row => row.Prompt).ToArray())];
        return [.. Enumerable.Range(0, tasks.Max(task => task.Length)).SelectMany(i => tasks.Where(task => i < task.Length).Select(task => task[i]))];
    }
}
