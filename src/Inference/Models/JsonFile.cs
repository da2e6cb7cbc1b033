using System.Text.Json;

namespace KvCluster.Inference.Models;

/// <summary>Reads the JSON files of a model folder; what is wrong becomes a <see cref="ModelLoadException"/> naming the file.</summary>
internal static class JsonFile
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64 };

    public static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelLoadException($"{path}: the file is missing; the folder must be a complete Hugging Face model.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException($"{path}: cannot be read ({FirstLine(e.Message)}).", e);
        }
    }

    /// <summary>The document; its root is an object.</summary>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json, string path)
    {
        try
        {
            var document = JsonDocument.Parse(WithoutByteOrderMark(json), Options);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
        }
        catch (JsonException e)
        {
            throw new ModelLoadException($"{path}: not valid JSON ({FirstLine(e.Message)}); download the file again.", e);
        }

        throw new ModelLoadException($"{path}: must hold a JSON object; download the file again.");
    }

    internal static string FirstLine(string message) => message.ReplaceLineEndings(" ").TrimEnd('.', ' ');

    private static ReadOnlyMemory<byte> WithoutByteOrderMark(ReadOnlyMemory<byte> json) =>
        json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;
}
