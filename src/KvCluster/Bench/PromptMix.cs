using KvCluster.CommandLine.Eval;

namespace KvCluster.CommandLine.Bench;

/// <summary>The order in which prompts are sent.</summary>
internal static class PromptMix
{
    /// <summary>One prompt of each task in turn, so that every stretch has the same mix.</summary>
    public static IReadOnlyList<string> Interleave(IEnumerable<EvalRow> rows)
    {
        string[][] tasks = [.. rows.GroupBy(row => row.Task).Select(task => task.Select(row => row.Prompt).ToArray())];
        return [.. Enumerable.Range(0, tasks.Max(task => task.Length)).SelectMany(i => tasks.Where(task => i < task.Length).Select(task => task[i]))];
    }
}
