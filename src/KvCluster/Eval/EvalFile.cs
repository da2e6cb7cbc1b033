using System.Text.Json;
using KvCluster.CommandLine.Terminal;
using KvCluster.Inference.Models;

namespace KvCluster.CommandLine.Eval;

/// <summary>Reads an evaluation file, packed with gzip or not: JSON lines of <c>task</c>, <c>prompt</c>, <c>answer</c> and optionally <c>reference</c>.</summary>
internal static class EvalFile
{
    /// <param name="path">The file; without <c>.gz</c> where only the packed one is there.</param>
    /// <param name="limit">Most rows of each task; null for all.</param>
    /// <param name="option">Named in messages.</param>
    /// <exception cref="BadArgumentException">Not there, empty, or a line that is no row: with its number.</exception>
    public static List<EvalRow> Read(string path, int? limit, string option = "--data")
    {
        path = DataFile.Locate(path);
        if (!File.Exists(path))
        {
            throw new BadArgumentException($"{option}: there is no file '{path}'");
        }

        List<EvalRow> rows = [];
        Dictionary<string, int> taken = [];
        int lineNumber = 0;
        try
        {
            foreach (string line in DataFile.ReadLines(path))
            {
                lineNumber++;
                if (string.IsNullOrWhiteSpace(line))
                {
                    continue;
                }

                EvalRow row = Parse(line, path, lineNumber, option);
                int before = taken.GetValueOrDefault(row.Task);
                if (limit is null || before < limit)
                {
                    taken[row.Task] = before + 1;
                    rows.Add(row);
                }
            }
        }
        catch (InvalidDataException)
        {
            throw new BadArgumentException($"{option}: the packed file '{path}' is damaged or cut short; pack it again with gzip");
        }

        return rows.Count > 0 ? rows : throw new BadArgumentException($"{option}: '{path}' has no rows");
    }

    private static EvalRow Parse(string line, string path, int lineNumber, string option)
    {
        try
        {
            EvalRow? row = JsonSerializer.Deserialize(line, EvalJson.Default.EvalRow);
            if (row is { Task.Length: > 0, Prompt.Length: > 0, Answer: not null })
            {
                return row;
            }
        }
        catch (JsonException)
        {
        }

        throw new BadArgumentException($"{option}: line {lineNumber} of '{path}' is no JSON object with the strings task, prompt and answer");
    }
}
