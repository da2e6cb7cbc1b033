namespace KvCluster.Inference.Tokenizers;

/// <summary>A range of a string that merges may not cross; IsAtStart: it begins where the text of the caller begins.</summary>
internal readonly record struct TextPiece(string Text, int Start, int Length, bool IsAtStart)
{
    public ReadOnlySpan<char> Span => Text.AsSpan(Start, Length);

    public TextPiece Slice(int start, int length) => new(Text, Start + start, length, IsAtStart && start == 0);
}
