using System.Collections.Immutable;
using System.Text.Json;

namespace KvCluster.Inference.Models;

/// <summary>Typed access to the fields of a JSON object; JSON null counts as absent.</summary>
internal readonly struct JsonFields(JsonElement element, string path)
{
    public bool Has(string name) => TryGet(name, out _);

    public bool TryGet(string name, out JsonElement value) =>
        element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    public JsonFields Inner(string name, JsonElement value) => new(value, $"{path} ({name})");

    public ModelLoadException Error(string name, string problem) => new($"{path}: {name}: {problem}.");

    public string? Text(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.String ? ReadString(name, value) : throw Error(name, "must be a string");
    }

    public bool Boolean(string name, bool fallback)
    {
        if (!TryGet(name, out var value))
        {
            return fallback;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Error(name, "must be true or false");
    }

    /// <summary>A required integer from 1 to <paramref name="max"/>.</summary>
    public int Dimension(string name, int max)
    {
        if (!TryGet(name, out var value))
        {
            throw Error(name, "missing");
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 1 && number <= max
            ? number
            : throw Error(name, $"must be an integer from 1 to {max}");
    }

    public double Positive(string name, double fallback)
    {
        if (!TryGet(name, out var value))
        {
            return fallback;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number > 0 && double.IsFinite(number)
            ? number
            : throw Error(name, "must be a number above 0");
    }

    public double? Number(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number)
            ? number
            : throw Error(name, "must be a number");
    }

    /// <summary>One id or a list of ids; empty when absent.</summary>
    public ImmutableArray<int> TokenIds(string name)
    {
        if (!TryGet(name, out var value))
        {
            return [];
        }

        var ids = ImmutableArray.CreateBuilder<int>();
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray())
            {
                ids.Add(TokenId(name, item));
            }
        }
        else
        {
            ids.Add(TokenId(name, value));
        }

        return ids.ToImmutable();
    }

    private int TokenId(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id >= 0
            ? id
            : throw Error(name, "must be a token id or a list of token ids");

    private string ReadString(string name, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Error(name, "holds text that is not valid UTF-8");
        }
    }
}
