namespace KvCluster.Gateway.OpenAi;

internal sealed record ChatLogprobs(ChatTokenLogprob[] Content);
