using KvCluster.Inference.Tokenizers;

namespace KvCluster.Gateway.Generation;

/// <summary>The text of one answer: never half a character, and nothing that may become a stop string.</summary>
internal sealed class AnswerText(Tokenizer tokenizer, IReadOnlyList<string> stopStrings)
{
    private readonly IncrementalDetokenizer _detokenizer = new(tokenizer, skipSpecialTokens: true);
    private readonly StopStringMatcher _matcher = new(stopStrings);

    /// <summary>A stop string has come; the text is complete.</summary>
    public bool IsStopped => _matcher.MatchedStop is not null;

    public string Push(int tokenId) => _matcher.Push(_detokenizer.Push(tokenId));

    /// <summary>What was held back.</summary>
    public string Flush()
    {
        string text = _matcher.Push(_detokenizer.Flush());
        return text + _matcher.Flush();
    }
}
