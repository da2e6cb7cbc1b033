namespace KvCluster.Gateway.OpenAi;

/// <summary>One prompt: text, or token ids.</summary>
internal readonly record struct PromptInput(string? Text, int[]? TokenIds);
