namespace KvCluster.CommandLine.Eval;

/// <summary>One held-out prompt of an evaluation file.</summary>
/// <param name="Task">Kind of prompt; accuracy is reported for each.</param>
/// <param name="Prompt">Text as it is, special tokens included.</param>
/// <param name="Answer">What a right answer contains, or for <c>math_*</c> equals after <c>#### </c>.</param>
/// <param name="Reference">A whole answer whose likelihood is measured; may be absent.</param>
internal sealed record EvalRow(string Task, string Prompt, string Answer, string? Reference);
