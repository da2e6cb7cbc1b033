namespace KvCluster.CommandLine.Eval.SecondQuestions;

/// <summary>Another question about the document of a row.</summary>
/// <param name="Prompt">The whole prompt; it begins with the same document.</param>
/// <param name="Answer">What a right answer contains.</param>
internal sealed record SecondQuestion(string Prompt, string Answer);
