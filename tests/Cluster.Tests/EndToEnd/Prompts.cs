using System.Text.Json;
using KvCluster.Inference.Models;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>Prompts of the evaluation file that ships with the demo model.</summary>
internal static class Prompts
{
    private static readonly Lazy<(string Task, string Prompt)[]> Rows = new(Read);

    /// <summary>The <paramref name="index"/>-th prompt of a task, e.g. <c>line_retrieval_80</c> (about 1,200 tokens).</summary>
    public static string Of(string task, int index = 0) => Rows.Value.Where(row => row.Task == task).ElementAt(index).Prompt;

    /// <summary>Eight prompts from 50 to 1,200 tokens.</summary>
    public static string[] Mixed(int index = 0) =>
    [
        Of("math_0shot", index), Of("line_retrieval_20", index), Of("math_4shot", index), Of("lookup_60", index),
        Of("math_0shot", index + 1), Of("line_retrieval_80", index), Of("math_4shot", index + 1), Of("line_retrieval_20", index + 1),
    ];

    private static (string Task, string Prompt)[] Read() => [.. DataFile.ReadLines(RepositoryRoot.EvalFile).Select(line =>
    {
        using JsonDocument row = JsonDocument.Parse(line);
        return (row.RootElement.GetProperty("task").GetString()!, row.RootElement.GetProperty("prompt").GetString()!);
    })];
}
