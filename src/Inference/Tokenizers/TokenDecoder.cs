using System.Globalization;
using System.Text;

namespace KvCluster.Inference.Tokenizers;

/// <summary>The decoder of a tokenizer.json: what bytes each token of the model stands for.</summary>
internal sealed record TokenDecoder
{
    /// <summary>Tokens are written in <see cref="ByteLevelAlphabet"/>.</summary>
    public bool IsByteLevel { get; init; }

    /// <summary>Tokens like &lt;0x0A&gt; are bytes.</summary>
    public bool HasByteFallback { get; init; }

    /// <summary>Replaced in every token, in order; typically the space mark by a space.</summary>
    public IReadOnlyList<(string Pattern, string Content)> Replacements { get; init; } = [];

    /// <summary>How many spaces, if there, are dropped at the start of a text.</summary>
    public int StrippedSpaceCount { get; init; }

    public byte[] GetBytes(string token)
    {
        if (IsByteLevel)
        {
            return ByteLevelAlphabet.ToBytes(token) ?? Encoding.UTF8.GetBytes(token);
        }

        if (HasByteFallback && token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value))
        {
            return [value];
        }

        foreach (var (pattern, content) in Replacements)
        {
            token = token.Replace(pattern, content, StringComparison.Ordinal);
        }

        return Encoding.UTF8.GetBytes(token);
    }
}
