namespace KvCluster.CommandLine.Bench;

/// <summary>One run of the load generator.</summary>
internal sealed record LoadResult
{
    public required int ClientCount { get; init; }
    public required int RequestCount { get; init; }
    public required int FailedCount { get; init; }
    public required long GeneratedTokens { get; init; }
    public required long PromptTokens { get; init; }
    public required TimeSpan Wall { get; init; }

    /// <summary>Time to first token of each request, ascending.</summary>
    public required IReadOnlyList<TimeSpan> TimeToFirstToken { get; init; }

    /// <summary>Mean time between the tokens of each request, ascending.</summary>
    public required IReadOnlyList<TimeSpan> TimeBetweenTokens { get; init; }

    /// <summary>Longest time between two replies with tokens of each request, ascending.</summary>
    public required IReadOnlyList<TimeSpan> LongestGap { get; init; }

    public double RequestsPerSecond => (RequestCount - FailedCount) / Wall.TotalSeconds;

    public double GeneratedTokensPerSecond => GeneratedTokens / Wall.TotalSeconds;

    public double PromptTokensPerSecond => PromptTokens / Wall.TotalSeconds;

    /// <summary>The value that a share of the sorted times lies at or under.</summary>
    public static TimeSpan Percentile(IReadOnlyList<TimeSpan> sorted, double share) =>
        sorted.Count == 0 ? TimeSpan.Zero : sorted[Math.Min(sorted.Count - 1, (int)Math.Ceiling(share * sorted.Count) - 1)];
}
