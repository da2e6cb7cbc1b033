using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// Patterns of tokenizer.json are written for Oniguruma. This compiles them for .NET where the two differ: possessive
/// quantifiers, <c>\h</c>, <c>\x{…}</c>, <c>^</c> and <c>$</c> at lines, <c>(?m:</c>, and <c>(?i:s)</c>, which in Oniguruma also
/// matches the long s. What has no equal is refused. <see cref="CodePointMatches"/> handles characters beyond U+FFFF.
/// </summary>
internal sealed class OnigurumaPattern
{
    private static readonly SearchValues<char> IntervalCharacters = SearchValues.Create("0123456789,");

    private readonly string _source;
    private readonly StringBuilder _output = new();

    /// <summary>For each open group: where it starts in the output and whether case was ignored around it.</summary>
    private readonly Stack<(int Start, bool IgnoresCase)> _groups = new();
    private int _position;
    private int _atomStart;
    private bool _ignoresCase;

    private OnigurumaPattern(string source)
    {
        _source = source;
    }

    /// <exception cref="ModelLoadException">The pattern is broken or uses what .NET cannot express.</exception>
    public static Regex Compile(string pattern, string path)
    {
        try
        {
            return new Regex(new OnigurumaPattern(pattern).Translate(), RegexOptions.Compiled | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new ModelLoadException(
                $"{path}: the pattern '{pattern}' is not supported ({JsonFile.FirstLine(e.Message)}).", e);
        }
    }

    internal string Translate()
    {
        while (_position < _source.Length)
        {
            var c = _source[_position];
            switch (c)
            {
                case '\\':
                    BeginAtom();
                    Escape(isInClass: false);
                    break;
                case '[':
                    BeginAtom();
                    _position = new OnigurumaClass(_source, _position, _ignoresCase, _output).Translate();
                    break;
                case '(':
                    OpenGroup();
                    break;
                case ')':
                    CloseGroup();
                    break;
                case '^' or '$':
                    BeginAtom();
                    _output.Append("(?m:").Append(c).Append(')');
                    _position++;
                    break;
                case '*' or '+' or '?':
                    Quantify(_source.AsSpan(_position, 1));
                    break;
                case '{' when IntervalLength() is var length and > 0:
                    Quantify(_source.AsSpan(_position, length));
                    break;
                default:
                    BeginAtom();
                    _output.Append(Literal(c, _ignoresCase));
                    _position++;
                    break;
            }
        }

        return _output.ToString();
    }

    /// <summary>.NET folds the Kelvin sign but not the long s.</summary>
    private static string Literal(char c, bool ignoresCase)
    {
        if (char.IsSurrogate(c))
        {
            throw new NotSupportedException("characters beyond U+FFFF");
        }

        return ignoresCase && c is 's' or 'S' ? "[s\u017F]" : c.ToString();
    }

    private void BeginAtom() => _atomStart = _output.Length;

    private void Escape(bool isInClass) => _position = OnigurumaEscape.Append(_source, _position, isInClass, _output);

    private void OpenGroup()
    {
        _groups.Push((_output.Length, _ignoresCase));
        _position++;
        _output.Append('(');
        if (_position >= _source.Length || _source[_position] != '?')
        {
            return;
        }

        var end = _position + 1;
        while (end < _source.Length && (char.IsAsciiLetter(_source[end]) || _source[end] == '-'))
        {
            end++;
        }

        if (end == _position + 1 || end >= _source.Length || _source[end] is not (':' or ')'))
        {
            return;
        }

        var options = _source.AsSpan(_position + 1, end - _position - 1);
        if (options.ContainsAnyExcept("im-"))
        {
            throw new NotSupportedException($"group options '{options}'");
        }

        var off = options.IndexOf('-');
        var on = off < 0 ? options : options[..off];
        _ignoresCase = on.Contains('i') || (_ignoresCase && (off < 0 || !options[off..].Contains('i')));
        _output.Append('?').Append(options.ToString().Replace('m', 's')).Append(_source[end]);
        _position = end + 1;
        if (_source[end] == ')')
        {
            // Options to the end of the enclosing group: nothing was opened.
            _groups.Pop();
        }
    }

    private void CloseGroup()
    {
        _output.Append(')');
        _position++;
        if (_groups.TryPop(out var group))
        {
            (_atomStart, _ignoresCase) = group;
        }
    }

    private int IntervalLength()
    {
        var end = _source.IndexOf('}', _position);
        if (end < 0 || end == _position + 1)
        {
            return 0;
        }

        var bounds = _source.AsSpan(_position + 1, end - _position - 1);
        return bounds.ContainsAnyExcept(IntervalCharacters) || bounds.Count(',') > 1 || bounds is "," ? 0 : end - _position + 1;
    }

    private void Quantify(ReadOnlySpan<char> quantifier)
    {
        var isInterval = quantifier[0] == '{';
        _output.Append(isInterval && quantifier[1] == ',' ? $"{{0{quantifier[1..]}" : quantifier.ToString());
        _position += quantifier.Length;
        var next = _position < _source.Length ? _source[_position] : '\0';
        if (next == '?')
        {
            _output.Append('?');
            _position++;
        }
        else if (next == '+')
        {
            // In Ruby's syntax only *, + and ? have possessive forms; {n,m}+ repeats the repetition.
            _output.Insert(_atomStart, isInterval ? "(?:" : "(?>").Append(isInterval ? ")+" : ")");
            _position++;
        }
    }
}
