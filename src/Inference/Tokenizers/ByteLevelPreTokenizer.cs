namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// The ByteLevel pre-tokenizer: an optional leading space and GPT-2's split. Turning text into bytes is done by
/// <see cref="BpeModel"/>.
/// </summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, IPreTokenizer? split) : IPreTokenizer
{
    /// <summary>The pattern of GPT-2 (Radford et al. 2019).</summary>
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public void Split(TextPiece piece, List<TextPiece> output)
    {
        if (addPrefixSpace && piece.Length > 0 && piece.Span[0] != ' ')
        {
            piece = new TextPiece(string.Concat(" ", piece.Span), 0, piece.Length + 1, piece.IsAtStart);
        }

        if (split is null)
        {
            output.Add(piece);
        }
        else
        {
            split.Split(piece, output);
        }
    }
}
