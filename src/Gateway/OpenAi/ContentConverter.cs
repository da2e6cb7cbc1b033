using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>A string, or an array of parts of type text, joined.</summary>
internal sealed class ContentConverter : JsonConverter<string>
{
    private const string Expected = "must be a string or an array of parts {\"type\":\"text\",\"text\":\"…\"}";

    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString()!;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException(Expected);
        }

        var text = new StringBuilder();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            using JsonDocument part = JsonDocument.ParseValue(ref reader);
            text.Append(TextOf(part.RootElement));
        }

        return text.ToString();
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    private static string TextOf(JsonElement part) =>
        part.ValueKind == JsonValueKind.Object
        && part.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("text")
        && part.TryGetProperty("text", out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : throw new JsonException(Expected);
}
