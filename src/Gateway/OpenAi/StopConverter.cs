using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>A string, or an array of strings.</summary>
internal sealed class StopConverter : JsonConverter<string[]>
{
    private const string Expected = "must be a string or an array of strings";

    public override string[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return [reader.GetString()!];
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException(Expected);
        }

        var stops = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            stops.Add(reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw new JsonException(Expected));
        }

        return [.. stops];
    }

    public override void Write(Utf8JsonWriter writer, string[] value, JsonSerializerOptions options) =>
        throw new NotSupportedException("Bodies of requests are only read.");
}
