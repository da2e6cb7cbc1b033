namespace KvCluster.Gateway.OpenAi;

internal sealed record ErrorBody(ApiError Error);
