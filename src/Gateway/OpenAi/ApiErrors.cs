using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Authentication;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Request errors as OpenAI's errors.</summary>
internal static class ApiErrors
{
    /// <param name="error">What the Gateway says.</param>
    /// <param name="rename">Field names of the request message to those of the HTTP body.</param>
    public static ApiException ToApiException(RequestError error, Func<string, string> rename)
    {
        string? param = error.Field is null ? null : rename(error.Field);
        string message = param is null ? error.Message : $"{param}: {error.Message}";
        return error.Kind switch
        {
            RequestErrorKind.InvalidArgument => ApiException.Invalid(message, param),
            RequestErrorKind.ContextTooLong => ApiException.Invalid(message, param, "context_length_exceeded"),
            RequestErrorKind.ModelNotFound => ModelNotFound(message),
            RequestErrorKind.Overloaded => new ApiException(
                StatusCodes.Status429TooManyRequests, ApiError.RateLimit, message, null, "overloaded"),
            RequestErrorKind.Unavailable => new ApiException(
                StatusCodes.Status503ServiceUnavailable, ApiError.Unavailable, message, null, "unavailable"),
            _ => Internal(),
        };
    }

    public static ApiException ModelNotFound(string message) =>
        new(StatusCodes.Status404NotFound, ApiError.InvalidRequest, message, "model", "model_not_found");

    public static ApiException Unauthenticated() =>
        new(StatusCodes.Status401Unauthorized, ApiError.InvalidRequest, ApiKeys.Refusal, null, "invalid_api_key");

    public static ApiException Internal() => new(
        StatusCodes.Status500InternalServerError, ApiError.Server, "The server failed; its log has the details under this request's id.");

    public static ApiException OfStatus(int status, HttpRequest request) => status switch
    {
        StatusCodes.Status404NotFound => new ApiException(
            status, ApiError.InvalidRequest, $"Unknown route: {request.Method} {request.Path}.", null, "unknown_url"),
        StatusCodes.Status405MethodNotAllowed => new ApiException(
            status, ApiError.InvalidRequest, $"{request.Method} is not allowed on {request.Path}.", null, "method_not_allowed"),
        StatusCodes.Status413PayloadTooLarge => new ApiException(
            status, ApiError.InvalidRequest, "The request body is too large.", null, "body_too_large"),
        >= 500 => Internal(),
        _ => new ApiException(status, ApiError.InvalidRequest, $"The request was refused with status {status}."),
    };
}
