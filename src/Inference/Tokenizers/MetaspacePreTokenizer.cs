namespace KvCluster.Inference.Tokenizers;

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
