namespace KvCluster.Inference.Tokenizers;

/// <summary>What a tokenizer.json says, ready to run.</summary>
internal sealed record TokenizerParts
{
    public required BpeModel Model { get; init; }

    public required BpeVocabulary Vocabulary { get; init; }

    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    public required INormalizer? Normalizer { get; init; }

    public required IPreTokenizer? PreTokenizer { get; init; }

    public required TokenDecoder Decoder { get; init; }

    /// <summary>Ids the post-processor puts before and after a text.</summary>
    public required (int[] Before, int[] After) Template { get; init; }
}
