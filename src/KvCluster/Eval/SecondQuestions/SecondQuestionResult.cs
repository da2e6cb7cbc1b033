namespace KvCluster.CommandLine.Eval.SecondQuestions;

/// <summary>Two questions about each document, one after the other, so that the second finds the document's Blocks in the store.</summary>
internal sealed record SecondQuestionResult
{
    public required int DocumentCount { get; init; }

    /// <summary>Right first answers, 0 to 1; the row's own questions.</summary>
    public required double FirstAccuracy { get; init; }

    /// <summary>Right second answers over the reused prefix.</summary>
    public required double SecondAccuracy { get; init; }

    /// <summary>Right answers to the same second questions asked of a document of their own, where nothing is reused.</summary>
    public required double AloneAccuracy { get; init; }

    /// <summary>Tokens of the second prompts whose KV was in the store, of all their tokens.</summary>
    public required double CachedShare { get; init; }

    /// <summary>The least of one prompt's cached tokens.</summary>
    public required int LeastCachedTokens { get; init; }
}
