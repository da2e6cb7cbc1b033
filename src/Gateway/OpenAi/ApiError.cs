namespace KvCluster.Gateway.OpenAi;

internal sealed record ErrorBody(ApiError Error);

/// <summary>The error of OpenAI's error body.</summary>
internal sealed record ApiError(string Message, string Type, string? Param, string? Code)
{
    public const string InvalidRequest = "invalid_request_error";
    public const string NotFound = "not_found_error";
    public const string RateLimit = "rate_limit_error";
    public const string Server = "server_error";
    public const string Unavailable = "service_unavailable_error";
}
