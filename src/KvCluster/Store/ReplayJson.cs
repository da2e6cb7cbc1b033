using System.Text.Json.Serialization;

namespace KvCluster.CommandLine.Store;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(ReplayReport))]
internal sealed partial class ReplayJson : JsonSerializerContext;
