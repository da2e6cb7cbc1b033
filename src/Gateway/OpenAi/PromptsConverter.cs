using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>A text, token ids, or an array of either.</summary>
internal sealed class PromptsConverter : JsonConverter<PromptInput[]>
{
    private const string Expected = "must be a string, an array of strings, an array of token ids or an array of arrays of token ids";

    public override PromptInput[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return [new PromptInput(reader.GetString(), null)];
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException(Expected);
        }

        var prompts = new List<PromptInput>();
        var ids = new List<int>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.String when ids.Count == 0:
                    prompts.Add(new PromptInput(reader.GetString(), null));
                    break;
                case JsonTokenType.Number when prompts.Count == 0:
                    ids.Add(ReadId(ref reader));
                    break;
                case JsonTokenType.StartArray when ids.Count == 0:
                    prompts.Add(new PromptInput(null, ReadIds(ref reader)));
                    break;
                default:
                    throw new JsonException(Expected);
            }
        }

        return ids.Count > 0 ? [new PromptInput(null, [.. ids])] : [.. prompts];
    }

    public override void Write(Utf8JsonWriter writer, PromptInput[] value, JsonSerializerOptions options) =>
        throw new NotSupportedException("Bodies of requests are only read.");

    private static int[] ReadIds(ref Utf8JsonReader reader)
    {
        var ids = new List<int>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ids.Add(reader.TokenType == JsonTokenType.Number ? ReadId(ref reader) : throw new JsonException(Expected));
        }

        return [.. ids];
    }

    private static int ReadId(ref Utf8JsonReader reader) =>
        reader.TryGetInt32(out int id) ? id : throw new JsonException("a token id is not a 32-bit integer");
}
