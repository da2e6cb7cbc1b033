namespace KvCluster.Gateway.OpenAi;

/// <summary>What all chunks of an answer say alike.</summary>
internal sealed record AnswerHeader(string Id, long Created, string Model);
