using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// Matches over code points. .NET matches UTF-16 units, so to it a letter beyond U+FFFF is two surrogates and no letter.
/// Each such character is matched as one stand-in of the same general category, and positions are mapped back.
/// </summary>
internal readonly ref struct CodePointMatches
{
    private readonly Regex _pattern;
    private readonly ReadOnlySpan<char> _text;

    /// <summary>Position in the original of each stand-in, with one more for the end; empty when they are the same.</summary>
    private readonly ReadOnlySpan<int> _positions;

    public CodePointMatches(Regex pattern, ReadOnlySpan<char> text)
    {
        _pattern = pattern;
        _text = text;
        if (text.ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            _text = Substitute(text, out _positions);
        }
    }

    public Enumerator GetEnumerator() => new(_pattern.EnumerateMatches(_text), _positions);

    private static ReadOnlySpan<char> Substitute(ReadOnlySpan<char> text, out ReadOnlySpan<int> positions)
    {
        var substitutes = new char[text.Length];
        var map = new int[text.Length + 1];
        var count = 0;
        var position = 0;
        while (position < text.Length)
        {
            map[count] = position;
            var isPair = Rune.DecodeFromUtf16(text[position..], out var rune, out var length) == OperationStatus.Done && length == 2;
            substitutes[count++] = isPair ? CategoryStandIn.Get(Rune.GetUnicodeCategory(rune)) : text[position];
            position += length;
        }

        map[count] = text.Length;
        positions = map.AsSpan(0, count + 1);
        return substitutes.AsSpan(0, count);
    }

    internal ref struct Enumerator(Regex.ValueMatchEnumerator matches, ReadOnlySpan<int> positions)
    {
        private readonly ReadOnlySpan<int> _positions = positions;
        private Regex.ValueMatchEnumerator _matches = matches;

        public readonly (int Start, int End) Current
        {
            get
            {
                var (start, end) = (_matches.Current.Index, _matches.Current.Index + _matches.Current.Length);
                return _positions.IsEmpty ? (start, end) : (_positions[start], _positions[end]);
            }
        }

        public bool MoveNext() => _matches.MoveNext();
    }
}
