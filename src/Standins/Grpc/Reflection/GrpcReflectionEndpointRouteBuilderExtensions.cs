using Grpc.Reflection;
using Microsoft.AspNetCore.Routing;

namespace Microsoft.AspNetCore.Builder;

public static class GrpcReflectionEndpointRouteBuilderExtensions
{
    /// <summary>Maps both versions of the reflection service.</summary>
    public static IEndpointConventionBuilder MapGrpcReflectionService(this IEndpointRouteBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return new GrpcServiceEndpointConventionBuilder(
        [
            builder.MapGrpcService<ReflectionServiceImpl>(),
            builder.MapGrpcService<ReflectionV1ServiceImpl>(),
        ]);
    }
}
