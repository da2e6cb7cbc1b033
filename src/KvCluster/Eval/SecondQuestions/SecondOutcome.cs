namespace KvCluster.CommandLine.Eval.SecondQuestions;

/// <summary>What a second question gave.</summary>
/// <param name="IsRight">Whether its answer over the reused prefix is right.</param>
/// <param name="IsRightAlone">Whether the answer to the same prompt is right where nothing is reused.</param>
/// <param name="PromptTokens">Tokens of its prompt.</param>
/// <param name="CachedTokens">Those whose KV was in the store.</param>
internal sealed record SecondOutcome(bool IsRight, bool IsRightAlone, int PromptTokens, int CachedTokens);
