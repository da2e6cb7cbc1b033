namespace KvCluster.Gateway.OpenAi;

/// <summary>Ends an HTTP request with a status and OpenAI's error body.</summary>
internal sealed class ApiException(int status, string type, string message, string? param = null, string? code = null) : Exception(message)
{
    public int Status { get; } = status;

    public ApiError Error { get; } = new(message, type, param, code);

    public static ApiException Invalid(string message, string? param, string? code = null) =>
        new(StatusCodes.Status400BadRequest, ApiError.InvalidRequest, message, param, code);
}
