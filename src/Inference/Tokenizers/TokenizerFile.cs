using System.Text.Json;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Reads tokenizer.json (format of github.com/huggingface/tokenizers). Kinds that are not known are refused by name.</summary>
internal static class TokenizerFile
{
    private const int MaxId = 1 << 24;

    public static TokenizerParts Read(string path)
    {
        using var document = JsonFile.Parse(JsonFile.ReadBytes(path), path);
        try
        {
            return Read(document.RootElement, path);
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException)
        {
            throw new ModelLoadException($"{path}: not a valid tokenizer.json ({JsonFile.FirstLine(e.Message)}); download the file again.", e);
        }
    }

    private static TokenizerParts Read(JsonElement root, string path)
    {
        var addedTokens = ReadAddedTokens(root, path);
        var specialIds = addedTokens.Where(token => token.IsSpecial).Select(token => token.Id).ToHashSet();
        var preTokenizer = new PreTokenizerReader(path);
        var split = preTokenizer.Read(Find(root, "pre_tokenizer"));
        var decoder = DecoderReader.Read(Find(root, "decoder"), path);
        if (preTokenizer.IsByteLevel != decoder.IsByteLevel)
        {
            throw new ModelLoadException($"{path}: pre_tokenizer and decoder must both be byte-level or both not; download the file again.");
        }

        var (vocabulary, model) = BpeReader.Read(root, preTokenizer.IsByteLevel, specialIds, path);
        return new TokenizerParts
        {
            Model = model,
            Vocabulary = vocabulary,
            AddedTokens = addedTokens,
            Normalizer = NormalizerReader.Read(Find(root, "normalizer"), path),
            PreTokenizer = split,
            Decoder = decoder,
            Template = TemplateReader.Read(Find(root, "post_processor"), path),
        };
    }

    /// <summary>Null when absent or JSON null.</summary>
    internal static JsonElement? Find(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    internal static string Kind(JsonElement part) => part.GetProperty("type").GetString() ?? "";

    internal static bool Flag(JsonElement part, string name, bool fallback = false) =>
        Find(part, name) is { } value ? value.GetBoolean() : fallback;

    internal static int CheckId(int id, string path) => id is >= 0 and < MaxId
        ? id
        : throw new ModelLoadException($"{path}: token id {id} is outside 0 to {MaxId - 1}; download the file again.");

    internal static ModelLoadException Unsupported(string path, string part, string kind, string known) =>
        new($"{path}: {part} '{kind}' is not supported; supported are {known}.");

    private static List<AddedToken> ReadAddedTokens(JsonElement root, string path)
    {
        var tokens = new List<AddedToken>();
        foreach (var item in Find(root, "added_tokens")?.EnumerateArray() ?? default)
        {
            var content = item.GetProperty("content").GetString() ?? "";
            if (content.Length == 0)
            {
                continue;
            }

            var isSpecial = Flag(item, "special");
            tokens.Add(new AddedToken(
                CheckId(item.GetProperty("id").GetInt32(), path),
                content,
                isSpecial,
                Flag(item, "single_word"),
                Flag(item, "lstrip"),
                Flag(item, "rstrip"),
                Flag(item, "normalized", !isSpecial)));
        }

        return tokens;
    }
}
