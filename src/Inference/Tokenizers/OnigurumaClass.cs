using System.Text;

namespace KvCluster.Inference.Tokenizers;

/// <summary>A bracketed class of Oniguruma in .NET's words; nested classes and intersections are refused.</summary>
internal sealed class OnigurumaClass(string source, int position, bool ignoresCase, StringBuilder output)
{
    /// <summary>Appends the class and returns the position after it.</summary>
    public int Translate()
    {
        output.Append('[');
        position++;
        if (position < source.Length && source[position] == '^')
        {
            output.Append('^');
            position++;
        }

        var isFirst = true;
        while (position < source.Length)
        {
            var c = source[position];
            switch (c)
            {
                case ']' when !isFirst:
                    output.Append(']');
                    return position + 1;
                case '[':
                    throw new NotSupportedException("a class inside a class");
                case '&' when position + 1 < source.Length && source[position + 1] == '&':
                    throw new NotSupportedException("the intersection of classes");
                case '\\':
                    position = OnigurumaEscape.Append(source, position, isInClass: true, output);
                    break;
                case var surrogate when char.IsSurrogate(surrogate):
                    throw new NotSupportedException("characters beyond U+FFFF");
                default:
                    AppendLiteral(c);
                    break;
            }

            isFirst = false;
        }

        throw new NotSupportedException("a class without its end");
    }

    private void AppendLiteral(char c)
    {
        position++;
        if (!ignoresCase || c is not ('s' or 'S'))
        {
            output.Append(c);
            return;
        }

        // The long s may not stand between the ends of a range.
        var isRangeEnd = output[^1] == '-' && source[position - 2] == '-';
        var isRangeStart = position < source.Length && source[position] == '-';
        output.Append(isRangeStart || isRangeEnd ? $"{c}" : $"{c}\u017F");
    }
}
