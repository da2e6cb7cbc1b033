using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.AspNetCore.Server;

/// <summary>Refuses requests that are no gRPC call before a handler sees them.</summary>
internal static class RequestChecks
{
    public static bool Accept(HttpContext context)
    {
        if (!WireNames.IsGrpcContentType(context.Request.ContentType))
        {
            Refuse(
                context,
                StatusCodes.Status415UnsupportedMediaType,
                $"The content type '{context.Request.ContentType}' is not {WireNames.ContentType}.");
            return false;
        }

        if (!HttpProtocol.IsHttp2(context.Request.Protocol) && !HttpProtocol.IsHttp3(context.Request.Protocol))
        {
            Refuse(
                context,
                StatusCodes.Status426UpgradeRequired,
                $"gRPC needs HTTP/2, the request came over {context.Request.Protocol}.");
            return false;
        }

        return true;
    }

    /// <summary>Messages have their own size limit, and a stream may pause for as long as it likes.</summary>
    public static void LiftHttpLimits(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (context.Features.Get<Microsoft.AspNetCore.Server.Kestrel.Core.Features.IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }

    private static void Refuse(HttpContext context, int httpStatus, string detail)
    {
        context.Response.StatusCode = httpStatus;
        ResponseStatus.Write(context.Response, new Status(StatusCode.Internal, detail), null);
    }
}
