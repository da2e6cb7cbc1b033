using System.Text.Json.Serialization;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Generated readers and writers of all bodies.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ChatBody))]
[JsonSerializable(typeof(TextBody))]
[JsonSerializable(typeof(ChatAnswer))]
[JsonSerializable(typeof(TextAnswer))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelEntry))]
[JsonSerializable(typeof(ErrorBody))]
internal sealed partial class OpenAiJson : JsonSerializerContext;
