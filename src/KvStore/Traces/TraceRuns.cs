using System.Globalization;
using System.Text.Json;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Traces;

/// <summary>Lists of blocks in a trace: numbers, runs of numbers as <c>"7-19"</c>, and BlockIds of 32 hexadecimal digits.</summary>
internal static class TraceRuns
{
    public static void Write(TextWriter output, string tenant, IReadOnlyList<BlockId> ids)
    {
        output.Write('[');
        for (int start = 0; start < ids.Count;)
        {
            output.Write(start > 0 ? "," : "");
            if (TraceBlockId.NumberOf(tenant, ids[start]) is not { } first)
            {
                output.Write($"\"{ids[start++]}\"");
                continue;
            }

            int count = 1;
            while (start + count < ids.Count && TraceBlockId.NumberOf(tenant, ids[start + count]) == first + count)
            {
                count++;
            }

            output.Write(count == 1 ? $"{first}" : $"\"{first}-{first + count - 1}\"");
            start += count;
        }

        output.Write(']');
    }

    public static void Read(JsonElement list, string field, string tenant, List<BlockId> ids, int maxCount)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            throw new FormatException($"{field} must be an array");
        }

        foreach (JsonElement item in list.EnumerateArray())
        {
            (long first, long last) = item.ValueKind switch
            {
                JsonValueKind.Number when item.TryGetInt64(out long number) => (number, number),
                JsonValueKind.String when BlockId.TryParse(item.GetString(), out BlockId id) => Take(id),
                JsonValueKind.String when TryParseRun(item.GetString()!, out long from, out long to) => (from, to),
                _ => throw new FormatException($"{field} must hold numbers, runs as \"7-19\", or BlockIds of 32 hexadecimal digits, not {item.GetRawText()}"),
            };
            if (first < 0 || last > TraceBlockId.MaxNumber || last - first + ids.Count >= maxCount)
            {
                throw new FormatException($"{field}: {item.GetRawText()} is out of range");
            }

            for (long number = first; number <= last; number++)
            {
                ids.Add(TraceBlockId.Of(tenant, number));
            }
        }

        (long First, long Last) Take(BlockId id)
        {
            ids.Add(id);
            return (0, -1);
        }
    }

    private static bool TryParseRun(string text, out long first, out long last)
    {
        last = 0;
        int dash = text.IndexOf('-', StringComparison.Ordinal);
        return long.TryParse(dash < 0 ? text : text[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out first)
            && long.TryParse(dash < 0 ? text : text[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out last)
            && first <= last;
    }
}
