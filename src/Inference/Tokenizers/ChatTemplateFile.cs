using System.Text;
using System.Text.Json;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Finds the Jinja text: chat_template.jinja, else chat_template in tokenizer_config.json.</summary>
internal static class ChatTemplateFile
{
    /// <summary>Null when the model has none.</summary>
    public static string? Read(string folder)
    {
        var jinjaPath = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(jinjaPath))
        {
            return Encoding.UTF8.GetString(JsonFile.ReadBytes(jinjaPath));
        }

        var configPath = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(configPath))
        {
            return null;
        }

        using var document = JsonFile.Parse(JsonFile.ReadBytes(configPath), configPath);
        try
        {
            return Find(document.RootElement);
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException)
        {
            throw new ModelLoadException($"{configPath}: chat_template is neither a text nor a list of named texts.", e);
        }
    }

    /// <summary>A text, or a list of named ones of which "default" is meant.</summary>
    private static string? Find(JsonElement root)
    {
        if (!root.TryGetProperty("chat_template", out var template) || template.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return template.ValueKind != JsonValueKind.Array
            ? template.GetString()
            : template.EnumerateArray()
                .Where(item => item.GetProperty("name").GetString() == "default")
                .Select(item => item.GetProperty("template").GetString())
                .FirstOrDefault();
    }
}
