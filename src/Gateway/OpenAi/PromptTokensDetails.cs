namespace KvCluster.Gateway.OpenAi;

internal sealed record PromptTokensDetails(int CachedTokens);
