using System.Buffers;
using System.Globalization;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Cuts text at added tokens: the leftmost match, the longest there.</summary>
internal sealed class AddedTokenFinder
{
    private readonly SearchValues<string>? _contents;
    private readonly Dictionary<string, AddedToken>.AlternateLookup<ReadOnlySpan<char>> _tokens;

    /// <summary>Lengths of contents, longest first.</summary>
    private readonly int[] _lengths;

    /// <param name="tokens">What to look for, by the text to look for.</param>
    public AddedTokenFinder(Dictionary<string, AddedToken> tokens)
    {
        _tokens = tokens.GetAlternateLookup<ReadOnlySpan<char>>();
        _contents = tokens.Count > 0 ? SearchValues.Create([.. tokens.Keys], StringComparison.Ordinal) : null;
        _lengths = [.. tokens.Keys.Select(content => content.Length).Distinct().OrderDescending()];
    }

    public bool IsEmpty => _contents is null;

    /// <summary>Appends the cuts in order; they cover the text except whitespace that a token strips.</summary>
    public void Split(string text, List<TextSection> output)
    {
        // The text before start is given out; matches are looked for from position on.
        var (start, position) = (0, 0);
        while (TryFind(text, position, out var index, out var token, out var length))
        {
            position = index + length;
            if (token.IsSingleWord && !IsWord(text, index, position))
            {
                continue;
            }

            var left = token.StripsLeft ? TrimEnd(text, start, index) : index;
            if (token.StripsRight)
            {
                while (position < text.Length && char.IsWhiteSpace(text[position]))
                {
                    position++;
                }
            }

            AddText(start, left, output);
            output.Add(new TextSection(index, length, token.Id));
            start = position;
        }

        AddText(start, text.Length, output);
    }

    private static void AddText(int start, int end, List<TextSection> output)
    {
        if (end > start)
        {
            output.Add(new TextSection(start, end - start, TextSection.NoToken));
        }
    }

    private static int TrimEnd(string text, int start, int end)
    {
        while (end > start && char.IsWhiteSpace(text[end - 1]))
        {
            end--;
        }

        return end;
    }

    private static bool IsWord(string text, int start, int end) =>
        (start == 0 || !IsWordCharacter(text[start - 1])) && (end == text.Length || !IsWordCharacter(text[end]));

    private static bool IsWordCharacter(char c) =>
        char.IsLetterOrDigit(c) || char.IsSurrogate(c) || char.GetUnicodeCategory(c) is UnicodeCategory.ConnectorPunctuation
            or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private bool TryFind(string text, int position, out int index, out AddedToken token, out int length)
    {
        (index, token, length) = (-1, null!, 0);
        if (_contents is null)
        {
            return false;
        }

        var offset = text.AsSpan(position).IndexOfAny(_contents);
        if (offset < 0)
        {
            return false;
        }

        index = position + offset;
        foreach (var candidate in _lengths)
        {
            if (candidate <= text.Length - index && _tokens.TryGetValue(text.AsSpan(index, candidate), out var found))
            {
                (token, length) = (found, candidate);
                return true;
            }
        }

        throw new InvalidOperationException("A found token has no entry.");
    }
}
