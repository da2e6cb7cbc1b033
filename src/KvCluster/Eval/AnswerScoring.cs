namespace KvCluster.CommandLine.Eval;

/// <summary>Whether a generated answer is right: the rule of models/demo/README.md.</summary>
internal static class AnswerScoring
{
    private const string ResultMark = "#### ";
    private const string EndMark = "<|im_end|>";

    public static bool IsRight(EvalRow row, string generated)
    {
        int end = generated.IndexOf(EndMark, StringComparison.Ordinal);
        string answer = end < 0 ? generated : generated[..end];
        return row.Task.StartsWith("math_", StringComparison.Ordinal)
            ? AfterMark(answer) == AfterMark(row.Answer)
            : answer.Contains(row.Answer, StringComparison.Ordinal);
    }

    private static string AfterMark(string text)
    {
        int mark = text.LastIndexOf(ResultMark, StringComparison.Ordinal);
        return (mark < 0 ? text : text[(mark + ResultMark.Length)..]).Trim();
    }
}
