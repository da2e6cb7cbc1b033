using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;

namespace Grpc.AspNetCore.Server;

/// <summary>Keeps endpoints marked <see cref="GrpcRequestsOnly"/> out of the choice for requests that are not gRPC.</summary>
internal sealed class GrpcRequestsPolicy : MatcherPolicy, IEndpointSelectorPolicy
{
    public override int Order => int.MaxValue - 100;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) =>
        endpoints.Any(endpoint => endpoint.Metadata.GetMetadata<GrpcRequestsOnly>() is not null);

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        if (!WireNames.IsGrpcContentType(httpContext.Request.ContentType))
        {
            for (var i = 0; i < candidates.Count; i++)
            {
                if (candidates[i].Endpoint?.Metadata.GetMetadata<GrpcRequestsOnly>() is not null)
                {
                    candidates.SetValidity(i, false);
                }
            }
        }

        return Task.CompletedTask;
    }
}

/// <summary>Marks an endpoint that <see cref="GrpcRequestsPolicy"/> hides from requests of another content type.</summary>
internal sealed class GrpcRequestsOnly
{
    public static readonly GrpcRequestsOnly Instance = new();
}
