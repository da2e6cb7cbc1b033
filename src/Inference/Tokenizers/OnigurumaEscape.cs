using System.Globalization;
using System.Text;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Backslash escapes of Oniguruma in .NET's words.</summary>
internal static class OnigurumaEscape
{
    /// <summary>Appends the escape at <paramref name="position"/> and returns the position after it.</summary>
    public static int Append(string source, int position, bool isInClass, StringBuilder output)
    {
        if (position + 1 >= source.Length)
        {
            throw new NotSupportedException("a backslash at the end");
        }

        var kind = source[position + 1];
        switch (kind)
        {
            case 'h':
                output.Append(isInClass ? "0-9a-fA-F" : "[0-9a-fA-F]");
                return position + 2;
            case 'H' when !isInClass:
                output.Append("[^0-9a-fA-F]");
                return position + 2;
            case 'x' when position + 2 < source.Length && source[position + 2] == '{':
                return AppendCodePoint(source, position, output);
            case 'p' or 'P':
                return AppendProperty(source, position, output);
            case 'H' or 'R' or 'X' or 'K' or 'G' or 'g' or 'k' or 'y' or 'Y' or 'O' or 'N' or 'Z':
                throw new NotSupportedException($"\\{kind}");
            default:
                output.Append('\\').Append(kind);
                return position + 2;
        }
    }

    private static int AppendCodePoint(string source, int position, StringBuilder output)
    {
        var end = source.IndexOf('}', position);
        if (end < 0
            || !int.TryParse(source.AsSpan(position + 3, end - position - 3), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var codePoint)
            || codePoint is < 0 or > char.MaxValue)
        {
            throw new NotSupportedException("\\x{…} beyond U+FFFF");
        }

        output.Append("\\u").Append(codePoint.ToString("X4", CultureInfo.InvariantCulture));
        return end + 1;
    }

    private static int AppendProperty(string source, int position, StringBuilder output)
    {
        var end = source.IndexOf('}', position);
        if (end < 0 || source[position + 2] != '{')
        {
            throw new NotSupportedException("\\p without {…}");
        }

        // .NET reads names beginning with Is as blocks, which Oniguruma does not.
        var name = source.AsSpan(position + 3, end - position - 3);
        if (name.Length is 0 or > 2)
        {
            throw new NotSupportedException($"\\p{{{name}}}; supported are general categories such as L, Lu, N");
        }

        output.Append(source, position, end + 1 - position);
        return end + 1;
    }
}
