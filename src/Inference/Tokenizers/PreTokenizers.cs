namespace KvCluster.Inference.Tokenizers;

/// <summary>Splits a piece into smaller ones; empty ones are left out.</summary>
internal interface IPreTokenizer
{
    public void Split(TextPiece piece, List<TextPiece> output);
}

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

/// <summary>SentencePiece's spaces: each becomes a visible mark, a leading one may be added, and pieces begin at marks.</summary>
internal sealed class MetaspacePreTokenizer(char mark, MetaspacePrefix prefix, bool isSplit) : IPreTokenizer
{
    public void Split(TextPiece piece, List<TextPiece> output)
    {
        if (piece.Length == 0)
        {
            return;
        }

        var text = piece.Span.ToString().Replace(' ', mark);
        if (text[0] != mark && (prefix == MetaspacePrefix.Always || (prefix == MetaspacePrefix.First && piece.IsAtStart)))
        {
            text = mark + text;
        }

        var whole = new TextPiece(text, 0, text.Length, piece.IsAtStart);
        if (!isSplit)
        {
            output.Add(whole);
            return;
        }

        var start = 0;
        while (start < text.Length)
        {
            var next = text.IndexOf(mark, start + 1);
            var end = next < 0 ? text.Length : next;
            output.Add(whole.Slice(start, end - start));
            start = end;
        }
    }
}

/// <summary>When a mark is put before text that does not begin with one.</summary>
internal enum MetaspacePrefix
{
    Never,

    /// <summary>Only where the caller's text begins.</summary>
    First,

    Always,
}

internal sealed class SequencePreTokenizer(IPreTokenizer[] steps) : IPreTokenizer
{
    public void Split(TextPiece piece, List<TextPiece> output)
    {
        List<TextPiece> current = [piece];
        List<TextPiece> next = [];
        foreach (var step in steps)
        {
            next.Clear();
            foreach (var part in current)
            {
                step.Split(part, next);
            }

            (current, next) = (next, current);
        }

        output.AddRange(current);
    }
}
