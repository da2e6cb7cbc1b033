using System.Text.Json;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Reads the normalizer part of tokenizer.json.</summary>
internal static class NormalizerReader
{
    public static INormalizer? Read(JsonElement? json, string path)
    {
        if (json is not { } part)
        {
            return null;
        }

        var kind = TokenizerFile.Kind(part);
        return kind switch
        {
            "NFC" => new NfcNormalizer(),
            "Prepend" => new PrependNormalizer(part.GetProperty("prepend").GetString() ?? ""),
            "Replace" => ReadReplace(part, path),
            "Sequence" => new SequenceNormalizer(
                [.. part.GetProperty("normalizers").EnumerateArray().Select(step => Read(step, path)).OfType<INormalizer>()]),
            _ => throw TokenizerFile.Unsupported(path, "normalizer", kind, "NFC, Prepend, Replace and Sequence"),
        };
    }

    private static INormalizer ReadReplace(JsonElement part, string path)
    {
        var content = part.GetProperty("content").GetString() ?? "";
        var pattern = part.GetProperty("pattern");
        return pattern.TryGetProperty("String", out var text) && text.GetString() is { Length: > 0 } literal
            ? new ReplaceNormalizer(literal, content)
            : new RegexReplaceNormalizer(OnigurumaPattern.Compile(pattern.GetProperty("Regex").GetString() ?? "", path), content);
    }
}
