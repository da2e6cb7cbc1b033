using System.Text.RegularExpressions;

namespace KvCluster.CommandLine.Eval.SecondQuestions;

/// <summary>Makes second questions from the documents of retrieval prompts (models/demo/tasks.py): another line, another key, with the answer read there.</summary>
internal static partial class DocumentQuestions
{
    private const string TurnEnd = "<|im_end|>\n";
    private const string UserTurn = "<|im_start|>user\n";
    private const string AnswerTurn = "<|im_start|>assistant\n";

    /// <param name="row">A row of any task.</param>
    /// <param name="random">Which of the entries not asked for yet is taken.</param>
    /// <returns>Null when the row is no retrieval from a document, or the document has nothing else to ask for.</returns>
    public static SecondQuestion? TryMake(EvalRow row, Random random)
    {
        int end = row.Prompt.IndexOf(TurnEnd, StringComparison.Ordinal);
        if (end < 0)
        {
            return null;
        }

        string document = row.Prompt[..(end + TurnEnd.Length)];
        string asked = row.Prompt[document.Length..];
        if (row.Task.StartsWith("line_retrieval", StringComparison.Ordinal))
        {
            return Pick(Lines().Matches(document), match => asked.Contains($" {match.Groups[1].Value}?", StringComparison.Ordinal), random) is { } line
                ? Question(document, $"Tell me what is the <REGISTER_CONTENT> in line {line.Groups[1].Value}? I need the number.", line.Groups[2].Value)
                : null;
        }

        if (row.Task.StartsWith("lookup", StringComparison.Ordinal))
        {
            return Pick(Entries().Matches(document), match => asked.Contains($"\"{match.Groups[1].Value}\"", StringComparison.Ordinal), random) is { } entry
                ? Question(document, $"What is the value of \"{entry.Groups[1].Value}\"?", $"is \"{entry.Groups[2].Value}\"")
                : null;
        }

        return null;
    }

    private static SecondQuestion Question(string document, string question, string answer) =>
        new(document + UserTurn + question + TurnEnd + AnswerTurn, answer);

    private static Match? Pick(MatchCollection entries, Func<Match, bool> isAsked, Random random)
    {
        Match[] left = [.. entries.Where(entry => !isAsked(entry))];
        return left.Length == 0 ? null : left[random.Next(left.Length)];
    }

    [GeneratedRegex(@"^line (\S+): REGISTER_CONTENT is (<\d+>)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Lines();

    [GeneratedRegex("\"([^\"]+)\": \"([^\"]*)\"", RegexOptions.CultureInvariant)]
    private static partial Regex Entries();
}
