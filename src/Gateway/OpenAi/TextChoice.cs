namespace KvCluster.Gateway.OpenAi;

internal sealed record TextChoice(int Index, string Text, TextLogprobs? Logprobs, string? FinishReason);
