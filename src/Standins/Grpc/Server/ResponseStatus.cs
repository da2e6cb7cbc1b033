using System.Globalization;
using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.AspNetCore.Server;

/// <summary>Writes status and trailers: into the trailers of a started response, else into its only headers ("trailers-only").</summary>
internal static class ResponseStatus
{
    public static void Write(HttpResponse response, Status status, Metadata? trailers)
    {
        var target = response.HasStarted
            ? response.HttpContext.Features.Get<IHttpResponseTrailersFeature>()?.Trailers
                ?? throw new InvalidOperationException("The server cannot send trailers on this connection.")
            : response.Headers;
        foreach (var entry in trailers ?? [])
        {
            target.Append(entry.Key, entry.HeaderValue);
        }

        target[WireNames.Status] = ((int)status.StatusCode).ToString(CultureInfo.InvariantCulture);
        if (!string.IsNullOrEmpty(status.Detail))
        {
            target[WireNames.Message] = PercentEncoding.Encode(status.Detail);
        }
    }
}
