namespace KvCluster.Gateway.OpenAi;

internal sealed record ModelList(string Object, ModelEntry[] Data);
