using System.Text.Json;
using System.Text.RegularExpressions;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Reads the pre_tokenizer part of tokenizer.json.</summary>
internal sealed class PreTokenizerReader(string path)
{
    private const string Known = "ByteLevel, Digits, Metaspace, Sequence and Split";

    /// <summary>A ByteLevel step was read: pieces are turned into bytes.</summary>
    public bool IsByteLevel { get; private set; }

    public IPreTokenizer? Read(JsonElement? json)
    {
        if (json is not { } part)
        {
            return null;
        }

        var kind = TokenizerFile.Kind(part);
        if (IsByteLevel && kind != "Sequence")
        {
            throw TokenizerFile.Unsupported(path, "pre_tokenizer after ByteLevel", kind, "none");
        }

        return kind switch
        {
            "Sequence" => new SequencePreTokenizer(
                [.. part.GetProperty("pretokenizers").EnumerateArray().Select(step => Read(step)).OfType<IPreTokenizer>()]),
            "Split" => ReadSplit(part),
            "Digits" => CreateSplit(TokenizerFile.Flag(part, "individual_digits") ? @"\p{N}" : @"\p{N}+", SplitBehavior.Isolated, false),
            "ByteLevel" => ReadByteLevel(part),
            "Metaspace" => ReadMetaspace(part),
            _ => throw TokenizerFile.Unsupported(path, "pre_tokenizer", kind, Known),
        };
    }

    private ByteLevelPreTokenizer ReadByteLevel(JsonElement part)
    {
        IsByteLevel = true;
        var split = TokenizerFile.Flag(part, "use_regex", true)
            ? CreateSplit(ByteLevelPreTokenizer.Pattern, SplitBehavior.Isolated, false)
            : null;
        return new ByteLevelPreTokenizer(TokenizerFile.Flag(part, "add_prefix_space"), split);
    }

    private RegexPreTokenizer ReadSplit(JsonElement part)
    {
        var pattern = part.GetProperty("pattern");
        var source = pattern.TryGetProperty("String", out var text)
            ? Regex.Escape(text.GetString() ?? "")
            : pattern.GetProperty("Regex").GetString() ?? "";
        var name = part.GetProperty("behavior").GetString() ?? "";
        return Enum.TryParse<SplitBehavior>(name, out var behavior) && behavior.ToString() == name
            ? CreateSplit(source, behavior, TokenizerFile.Flag(part, "invert"))
            : throw TokenizerFile.Unsupported(path, "split behavior", name, string.Join(", ", Enum.GetNames<SplitBehavior>()));
    }

    private RegexPreTokenizer CreateSplit(string pattern, SplitBehavior behavior, bool isInverted) =>
        new(OnigurumaPattern.Compile(pattern, path), behavior, isInverted);

    private MetaspacePreTokenizer ReadMetaspace(JsonElement part)
    {
        var mark = TokenizerFile.Find(part, "replacement")?.GetString() ?? "\u2581";
        var scheme = TokenizerFile.Find(part, "prepend_scheme")?.GetString()
            ?? (TokenizerFile.Flag(part, "add_prefix_space", true) ? "always" : "never");
        var prefix = scheme switch
        {
            "always" => MetaspacePrefix.Always,
            "first" => MetaspacePrefix.First,
            "never" => MetaspacePrefix.Never,
            _ => throw TokenizerFile.Unsupported(path, "prepend_scheme", scheme, "always, first and never"),
        };
        return mark.Length == 1
            ? new MetaspacePreTokenizer(mark[0], prefix, TokenizerFile.Flag(part, "split", true))
            : throw TokenizerFile.Unsupported(path, "Metaspace replacement", mark, "single characters");
    }
}
