using System.Buffers;
using System.Text;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Text to token ids and back, from a tokenizer.json. Thread-safe.</summary>
public sealed class Tokenizer
{
    private readonly TokenizerParts _parts;
    private readonly TokenTable _table;
    private readonly AddedTokenFinder _raw;
    private readonly AddedTokenFinder _rawPlain;
    private readonly AddedTokenFinder _normalized;
    private readonly AddedTokenFinder _normalizedPlain;

    internal Tokenizer(TokenizerParts parts)
    {
        _parts = parts;
        _table = new TokenTable(parts);
        _raw = CreateFinder(isNormalized: false, withSpecial: true);
        _rawPlain = CreateFinder(isNormalized: false, withSpecial: false);
        _normalized = CreateFinder(isNormalized: true, withSpecial: true);
        _normalizedPlain = CreateFinder(isNormalized: true, withSpecial: false);
    }

    /// <summary>Highest id + 1, added tokens included.</summary>
    public int VocabularySize => _table.Count;

    /// <summary>How many spaces, if there, are not part of decoded text at its start.</summary>
    internal int StrippedSpaceCount => _parts.Decoder.StrippedSpaceCount;

    /// <exception cref="ModelLoadException">The file is missing, broken, or of a kind that is not supported.</exception>
    public static Tokenizer Load(string path) => new(TokenizerFile.Read(path));

    /// <summary>Ids of <paramref name="text"/>; lone surrogates become U+FFFD.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecialTokens">Add what the post-processor adds, e.g. the begin-of-text token.</param>
    /// <param name="parseSpecialTokens">False: special tokens spelled out in the text stay text; for content of users.</param>
    public int[] Encode(string text, bool addSpecialTokens = true, bool parseSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var output = new IdBuffer((text.Length / 3) + 8);
        if (addSpecialTokens)
        {
            output.Append(_parts.Template.Before);
        }

        var sections = new List<TextSection>();
        (parseSpecialTokens ? _raw : _rawPlain).Split(text, sections);
        foreach (var section in sections)
        {
            if (section.IsToken)
            {
                output.Append(section.TokenId);
            }
            else
            {
                EncodeText(text.Substring(section.Start, section.Length), section.Start == 0, parseSpecialTokens, output);
            }
        }

        if (addSpecialTokens)
        {
            output.Append(_parts.Template.After);
        }

        return output.Span.ToArray();
    }

    /// <summary>Bytes that are not valid UTF-8 become U+FFFD. Unknown ids are left out.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        var bytes = new ArrayBufferWriter<byte>(Math.Max(ids.Length * 4, 16));
        foreach (var id in ids)
        {
            if (!skipSpecialTokens || !IsSpecial(id))
            {
                bytes.Write(TokenBytes(id));
            }
        }

        var text = bytes.WrittenSpan;
        for (var stripped = 0; stripped < StrippedSpaceCount && !text.IsEmpty && text[0] == ' '; stripped++)
        {
            text = text[1..];
        }

        return Encoding.UTF8.GetString(text);
    }

    /// <summary>What the token adds to the text, in UTF-8; possibly part of a character. Empty for unknown ids.</summary>
    public ReadOnlySpan<byte> TokenBytes(int id) => _table.GetBytes(id);

    public bool IsSpecial(int id) => _table.IsSpecial(id);

    /// <summary>The id of an added token by its content, or of a token of the model by its spelling in the file.</summary>
    public bool TryGetId(string token, out int id) => _table.TryGetId(token, out id);

    private void EncodeText(string text, bool isAtStart, bool parseSpecialTokens, IdBuffer output)
    {
        var normalized = _parts.Normalizer?.Normalize(text) ?? text;
        var finder = parseSpecialTokens ? _normalized : _normalizedPlain;
        if (finder.IsEmpty)
        {
            EncodePieces(new TextPiece(normalized, 0, normalized.Length, isAtStart), output);
            return;
        }

        var sections = new List<TextSection>();
        finder.Split(normalized, sections);
        foreach (var section in sections)
        {
            if (section.IsToken)
            {
                output.Append(section.TokenId);
            }
            else
            {
                EncodePieces(new TextPiece(normalized, section.Start, section.Length, isAtStart && section.Start == 0), output);
            }
        }
    }

    private void EncodePieces(TextPiece piece, IdBuffer output)
    {
        if (_parts.PreTokenizer is null)
        {
            _parts.Model.Encode(piece.Span, output);
            return;
        }

        var pieces = new List<TextPiece>(piece.Length / 4);
        _parts.PreTokenizer.Split(piece, pieces);
        foreach (var part in pieces)
        {
            _parts.Model.Encode(part.Span, output);
        }
    }

    private AddedTokenFinder CreateFinder(bool isNormalized, bool withSpecial)
    {
        var tokens = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var token in _parts.AddedTokens)
        {
            if (token.IsNormalized == isNormalized && (withSpecial || !token.IsSpecial))
            {
                var content = isNormalized && _parts.Normalizer is { } normalizer ? normalizer.Normalize(token.Content) : token.Content;
                tokens.TryAdd(content, token);
            }
        }

        return new AddedTokenFinder(tokens);
    }
}
