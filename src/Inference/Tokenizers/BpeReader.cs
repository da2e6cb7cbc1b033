using System.Text.Json;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Reads the model part of tokenizer.json.</summary>
internal static class BpeReader
{
    public static (BpeVocabulary Vocabulary, BpeModel Model) Read(JsonElement root, bool isByteLevel, HashSet<int> specialIds, string path)
    {
        if (TokenizerFile.Find(root, "model") is not { } json)
        {
            throw new ModelLoadException($"{path}: model is missing; download the file again.");
        }

        // Files of before 2020 leave the type out; they are BPE when they have merges.
        var kind = TokenizerFile.Find(json, "type")?.GetString() ?? (json.TryGetProperty("merges", out _) ? "BPE" : "(none)");
        if (kind != "BPE")
        {
            throw TokenizerFile.Unsupported(path, "tokenizer model", kind, "BPE");
        }

        RefuseAffixes(json, path);
        var ids = ReadVocabulary(json, path);
        var vocabulary = new BpeVocabulary(ids, specialIds);
        var options = new BpeOptions
        {
            IsByteLevel = isByteLevel,
            HasByteFallback = TokenizerFile.Flag(json, "byte_fallback"),
            IgnoresMerges = TokenizerFile.Flag(json, "ignore_merges"),
            FusesUnknown = TokenizerFile.Flag(json, "fuse_unk"),
            UnknownId = TokenizerFile.Find(json, "unk_token")?.GetString() is { } unknown && ids.TryGetValue(unknown, out var id) ? id : null,
        };
        return (vocabulary, new BpeModel(vocabulary, ReadMerges(json, ids, specialIds, path), options));
    }

    private static void RefuseAffixes(JsonElement json, string path)
    {
        foreach (var name in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (TokenizerFile.Find(json, name)?.GetString() is { Length: > 0 } affix)
            {
                throw TokenizerFile.Unsupported(path, name, affix, "none");
            }
        }

        if (TokenizerFile.Find(json, "dropout")?.GetDouble() is > 0)
        {
            throw new ModelLoadException($"{path}: dropout is for training; set it to null.");
        }
    }

    private static Dictionary<string, int> ReadVocabulary(JsonElement json, string path)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var entry in json.GetProperty("vocab").EnumerateObject())
        {
            ids[entry.Name] = TokenizerFile.CheckId(entry.Value.GetInt32(), path);
        }

        return ids;
    }

    private static MergeTable ReadMerges(JsonElement json, Dictionary<string, int> ids, HashSet<int> specialIds, string path)
    {
        var merges = json.GetProperty("merges");
        var table = new MergeTable(merges.GetArrayLength());
        var rank = 0;
        foreach (var item in merges.EnumerateArray())
        {
            var (left, right) = ReadPair(item, path);
            if (!ids.TryGetValue(left, out var leftId) || !ids.TryGetValue(right, out var rightId) || !ids.TryGetValue(left + right, out var id))
            {
                throw new ModelLoadException(
                    $"{path}: merge {rank} ('{left}' '{right}') names a token that is not in the vocabulary; download the file again.");
            }

            // Text must never merge into a control token, or users could write one.
            if (!specialIds.Contains(id))
            {
                table.Add(leftId, rightId, rank, id);
            }

            rank++;
        }

        return table;
    }

    /// <summary>Older files write "a b", newer ones ["a", "b"], which also allows spaces in tokens.</summary>
    private static (string Left, string Right) ReadPair(JsonElement item, string path)
    {
        if (item.ValueKind == JsonValueKind.Array && item.GetArrayLength() == 2)
        {
            return (item[0].GetString() ?? "", item[1].GetString() ?? "");
        }

        var text = item.ValueKind == JsonValueKind.String ? item.GetString()! : "";
        var space = text.IndexOf(' ');
        return space >= 0 && space == text.LastIndexOf(' ')
            ? (text[..space], text[(space + 1)..])
            : throw new ModelLoadException($"{path}: a merge is neither a pair nor two tokens with a space between; download the file again.");
    }
}
