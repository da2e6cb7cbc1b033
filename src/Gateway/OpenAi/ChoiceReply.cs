using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

/// <summary>A reply and the choice that it belongs to.</summary>
internal readonly record struct ChoiceReply(int Index, GenerateReply Reply);
