namespace KvCluster.CommandLine.Bench;

/// <summary>One answered request, as its client saw it.</summary>
internal readonly record struct RequestTiming(TimeSpan TimeToFirstToken, TimeSpan TimeBetweenTokens, TimeSpan LongestGap, int GeneratedTokens, int PromptTokens);
