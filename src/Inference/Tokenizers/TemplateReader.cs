using System.Text.Json;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Reads the post_processor part of tokenizer.json: what goes before and after a single text.</summary>
internal static class TemplateReader
{
    public static (int[] Before, int[] After) Read(JsonElement? json, string path)
    {
        if (json is not { } part)
        {
            return ([], []);
        }

        var kind = TokenizerFile.Kind(part);
        switch (kind)
        {
            case "ByteLevel":
                return ([], []);
            case "TemplateProcessing":
                return ReadSingle(part, path);
            case "Sequence":
                var (before, after) = (Array.Empty<int>(), Array.Empty<int>());
                foreach (var step in part.GetProperty("processors").EnumerateArray())
                {
                    var (outerBefore, outerAfter) = Read(step, path);
                    (before, after) = ([.. outerBefore, .. before], [.. after, .. outerAfter]);
                }

                return (before, after);
            default:
                throw TokenizerFile.Unsupported(path, "post_processor", kind, "ByteLevel, Sequence and TemplateProcessing");
        }
    }

    private static (int[] Before, int[] After) ReadSingle(JsonElement part, string path)
    {
        var (before, after) = (new List<int>(), new List<int>());
        var current = before;
        foreach (var item in part.GetProperty("single").EnumerateArray())
        {
            if (item.TryGetProperty("Sequence", out _))
            {
                current = after;
                continue;
            }

            var name = item.GetProperty("SpecialToken").GetProperty("id").GetString() ?? "";
            foreach (var id in part.GetProperty("special_tokens").GetProperty(name).GetProperty("ids").EnumerateArray())
            {
                current.Add(TokenizerFile.CheckId(id.GetInt32(), path));
            }
        }

        return ([.. before], [.. after]);
    }
}
