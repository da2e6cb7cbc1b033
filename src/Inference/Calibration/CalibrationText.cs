using System.Text.Json;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>Reads calibration files, packed with gzip or not: JSON lines with a <c>text</c>, or with a <c>prompt</c> and its <c>reference</c>.</summary>
public static class CalibrationText
{
    /// <summary>Whole texts.</summary>
    /// <exception cref="ModelLoadException">The file is missing, empty, or a line is none of these: with its number.</exception>
    public static IReadOnlyList<string> ReadTexts(string path) =>
        Read(path, line => Text(line, "text") ?? (Text(line, "prompt") is { } prompt ? prompt + Text(line, "reference") : null), "a 'text'");

    /// <summary>Prompts with their true answers.</summary>
    /// <exception cref="ModelLoadException">As for <see cref="ReadTexts"/>.</exception>
    public static IReadOnlyList<AnsweredPrompt> ReadPrompts(string path) =>
        Read(
            path,
            line => Text(line, "prompt") is { } prompt && Text(line, "reference") is { } reference
                ? new AnsweredPrompt(Text(line, "task") ?? "", prompt, reference)
                : null,
            "a 'prompt' and its 'reference'");

    private static List<T> Read<T>(string path, Func<JsonElement, T?> parse, string expected)
        where T : class
    {
        if (!File.Exists(path))
        {
            throw new ModelLoadException($"{path}: there is no such file; give JSON lines with {expected}.");
        }

        var items = new List<T>();
        int number = 0;
        try
        {
            foreach (string line in DataFile.ReadLines(path))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line))
                {
                    items.Add(TryParse(line, parse) ?? throw new ModelLoadException($"{path}: line {number} is no JSON object with {expected}."));
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw new ModelLoadException($"{path}: the packed file is damaged or cut short; pack it again with gzip.", e);
        }

        return items.Count > 0 ? items : throw new ModelLoadException($"{path}: has no lines; give JSON lines with {expected}.");
    }

    private static T? TryParse<T>(string line, Func<JsonElement, T?> parse)
        where T : class
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object ? parse(document.RootElement) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement line, string name) =>
        line.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
