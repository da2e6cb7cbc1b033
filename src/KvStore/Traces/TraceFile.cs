using System.Text.Json;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Traces;

/// <summary>Traces as JSON lines; the format is in docs/traces.md.</summary>
public static class TraceFile
{
    private const int MaxBlocksOfRequest = 1 << 20;

    /// <exception cref="TraceFormatException">A line is malformed.</exception>
    public static IEnumerable<TraceRequest> Read(string path)
    {
        int lineNumber = 0;
        TimeSpan last = TimeSpan.Zero;
        foreach (string line in File.ReadLines(path))
        {
            lineNumber++;
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            TraceRequest request;
            try
            {
                request = Parse(line);
            }
            catch (Exception error) when (error is JsonException or FormatException)
            {
                throw new TraceFormatException($"{path}, line {lineNumber}: {error.Message}");
            }

            if (request.At < last)
            {
                throw new TraceFormatException($"{path}, line {lineNumber}: at_ms must not go back in time");
            }

            last = request.At;
            yield return request;
        }
    }

    public static void Write(TextWriter output, IEnumerable<TraceRequest> requests)
    {
        foreach (TraceRequest request in requests)
        {
            output.Write($"{{\"at_ms\":{(long)request.At.TotalMilliseconds},\"tenant\":\"{JsonEncodedText.Encode(request.Tenant)}\",\"prompt\":");
            TraceRuns.Write(output, request.Tenant, request.Prompt);
            if (request.Generated.Count > 0)
            {
                output.Write(",\"generated\":");
                TraceRuns.Write(output, request.Tenant, request.Generated);
            }

            output.WriteLine('}');
        }
    }

    private static TraceRequest Parse(string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("must be an object");
        }

        double atMs = 0;
        string tenant = "";
        JsonElement? prompt = null;
        JsonElement? generated = null;
        foreach (JsonProperty property in root.EnumerateObject())
        {
            switch (property.Name)
            {
                case "at_ms":
                    atMs = property.Value.ValueKind == JsonValueKind.Number ? property.Value.GetDouble() : -1;
                    break;
                case "tenant":
                    tenant = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : throw new FormatException("tenant must be a string");
                    break;
                case "prompt":
                    prompt = property.Value;
                    break;
                case "generated":
                    generated = property.Value;
                    break;
                default:
                    break; // for notes, and for what later versions add
            }
        }

        if (atMs is not (>= 0 and < 1e14))
        {
            throw new FormatException("at_ms must be milliseconds since the start of the trace");
        }

        BlockId[] promptIds = Ids(prompt ?? throw new FormatException("prompt is missing"), "prompt", tenant);
        BlockId[] generatedIds = generated is { } element ? Ids(element, "generated", tenant) : [];
        if (promptIds.Concat(generatedIds).Distinct().Count() != promptIds.Length + generatedIds.Length)
        {
            throw new FormatException("names a block twice");
        }

        return new TraceRequest(TimeSpan.FromMilliseconds(atMs), tenant, promptIds, generatedIds);
    }

    private static BlockId[] Ids(JsonElement element, string field, string tenant)
    {
        var ids = new List<BlockId>();
        TraceRuns.Read(element, field, tenant, ids, MaxBlocksOfRequest);
        return [.. ids];
    }
}
