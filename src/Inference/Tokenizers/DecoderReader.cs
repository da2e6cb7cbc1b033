using System.Text.Json;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Reads the decoder part of tokenizer.json.</summary>
internal static class DecoderReader
{
    public static TokenDecoder Read(JsonElement? json, string path)
    {
        if (json is not { } part)
        {
            return new TokenDecoder();
        }

        return TokenizerFile.Kind(part) == "Sequence"
            ? part.GetProperty("decoders").EnumerateArray().Aggregate(new TokenDecoder(), (decoder, step) => Add(decoder, step, path))
            : Add(new TokenDecoder(), part, path);
    }

    private static TokenDecoder Add(TokenDecoder decoder, JsonElement step, string path)
    {
        var kind = TokenizerFile.Kind(step);
        return kind switch
        {
            "ByteLevel" => decoder with { IsByteLevel = true },
            "ByteFallback" => decoder with { HasByteFallback = true },
            "Fuse" => decoder,
            "Replace" => AddReplace(decoder, step, path),
            "Strip" => AddStrip(decoder, step, path),
            "Metaspace" => AddMetaspace(decoder, step),
            _ => throw TokenizerFile.Unsupported(
                path, "decoder", kind, "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence and Strip"),
        };
    }

    private static TokenDecoder AddReplace(TokenDecoder decoder, JsonElement step, string path) =>
        step.GetProperty("pattern").TryGetProperty("String", out var pattern) && pattern.GetString() is { Length: > 0 } text
            ? decoder with { Replacements = [.. decoder.Replacements, (text, step.GetProperty("content").GetString() ?? "")] }
            : throw TokenizerFile.Unsupported(path, "decoder Replace with", "Regex", "String patterns");

    private static TokenDecoder AddStrip(TokenDecoder decoder, JsonElement step, string path)
    {
        var content = step.GetProperty("content").GetString();
        return content == " " && step.GetProperty("stop").GetInt32() == 0
            ? decoder with { StrippedSpaceCount = step.GetProperty("start").GetInt32() }
            : throw TokenizerFile.Unsupported(path, "decoder Strip of", content ?? "", "spaces at the start");
    }

    private static TokenDecoder AddMetaspace(TokenDecoder decoder, JsonElement step)
    {
        var mark = TokenizerFile.Find(step, "replacement")?.GetString() ?? "\u2581";
        var keepsPrefix = TokenizerFile.Find(step, "prepend_scheme")?.GetString() == "never"
            || !TokenizerFile.Flag(step, "add_prefix_space", true);
        return decoder with
        {
            Replacements = [.. decoder.Replacements, (mark, " ")],
            StrippedSpaceCount = keepsPrefix ? 0 : 1,
        };
    }
}
