using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>Reads metadata and status out of response headers and trailers.</summary>
internal static class ResponseTrailers
{
    /// <summary>The metadata; <paramref name="status"/> is null when there is no grpc-status among the headers.</summary>
    public static Metadata Read(HttpHeaders headers, out Status? status)
    {
        var metadata = new Metadata();
        string? code = null;
        string? message = null;
        foreach (var (name, values) in headers.NonValidated)
        {
            if (name.Equals(WireNames.Status, StringComparison.OrdinalIgnoreCase))
            {
                code = values.ToString();
            }
            else if (name.Equals(WireNames.Message, StringComparison.OrdinalIgnoreCase))
            {
                message = values.ToString();
            }
            else if (!WireNames.IsReserved(name))
            {
                foreach (var value in values)
                {
                    HeaderMetadata.Append(metadata, name, value);
                }
            }
        }

        status = code is null ? null : new Status(ParseCode(code), message is null ? "" : PercentEncoding.Decode(message));
        return metadata;
    }

    /// <summary>What is wrong with a response that carries no grpc-status; null for a proper one.</summary>
    public static Status? Refusal(HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.OK)
        {
            return new Status(CodeOf(response.StatusCode), $"The server answered with HTTP status {(int)response.StatusCode}.");
        }

        var contentType = response.Content.Headers.NonValidated.TryGetValues("content-type", out var values) ? values.ToString() : null;
        return WireNames.IsGrpcContentType(contentType)
            ? null
            : new Status(StatusCode.Unknown, $"The server answered with content type '{contentType}', which is not gRPC.");
    }

    private static StatusCode CodeOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.BadRequest => StatusCode.Internal,
        HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
        HttpStatusCode.NotFound => StatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable
            or HttpStatusCode.GatewayTimeout => StatusCode.Unavailable,
        _ => StatusCode.Unknown,
    };

    private static StatusCode ParseCode(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code) && Enum.IsDefined((StatusCode)code)
            ? (StatusCode)code
            : StatusCode.Unknown;
}
