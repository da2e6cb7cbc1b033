using System.Text.Json;

namespace KvCluster.Inference.Models;

/// <summary>The free text that a safetensors header can carry beside its tensors.</summary>
internal static unsafe class SafetensorsMetadata
{
    /// <summary>By name; empty when the header has none.</summary>
    /// <exception cref="ModelLoadException">It is there and is not an object of strings.</exception>
    public static IReadOnlyDictionary<string, string> Read(SafetensorsFile file)
    {
        byte[] header = new ReadOnlySpan<byte>(file.Base, file.HeaderByteCount)[sizeof(long)..].ToArray();
        using JsonDocument document = JsonFile.Parse(header, file.Path);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!document.RootElement.TryGetProperty("__metadata__", out JsonElement element))
        {
            return metadata;
        }

        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Broken(file);
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            try
            {
                metadata[property.Name] = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : throw Broken(file);
            }
            catch (InvalidOperationException)
            {
                throw Broken(file);
            }
        }

        return metadata;
    }

    private static ModelLoadException Broken(SafetensorsFile file) => new($"{file.Path}: __metadata__ must hold texts only.");
}
