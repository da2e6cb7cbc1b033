using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Grpc.AspNetCore.Server;

/// <summary>Answers gRPC calls to methods that nobody has mapped with UNIMPLEMENTED; other requests pass by.</summary>
internal static class UnknownMethods
{
    public static void Map(IEndpointRouteBuilder routes, MappedServices mapped) => routes
        .Map("/{grpcService}/{grpcMethod}", context => Refuse(context, mapped))
        .WithDisplayName("gRPC - unknown methods")
        .WithOrder(int.MaxValue)
        .WithMetadata(GrpcRequestsOnly.Instance);

    private static Task Refuse(HttpContext context, MappedServices mapped)
    {
        if (!RequestChecks.Accept(context))
        {
            return Task.CompletedTask;
        }

        var service = (string?)context.Request.RouteValues["grpcService"] ?? "";
        var detail = mapped.Contains(service)
            ? $"The service {service} has no method {context.Request.RouteValues["grpcMethod"]}."
            : $"This server has no service {service}.";
        context.Response.ContentType = WireNames.ContentType;
        ResponseStatus.Write(context.Response, new Status(StatusCode.Unimplemented, detail), null);
        return Task.CompletedTask;
    }
}
