using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

public static class GrpcEndpointRouteBuilderExtensions
{
    /// <summary>Maps the methods of a service; a new instance serves each call unless one is registered for injection.</summary>
    public static GrpcServiceEndpointConventionBuilder MapGrpcService<TService>(this IEndpointRouteBuilder builder)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        EnsureAdded(builder);
        return new ServiceMapper(builder, typeof(TService), ServiceSettings.For<TService>(builder.ServiceProvider))
            .Map(binder => ServiceBinding.Bind<TService>(binder));
    }

    public static GrpcServiceEndpointConventionBuilder MapGrpcService(
        this IEndpointRouteBuilder builder, Func<IServiceProvider, ServerServiceDefinition> mapDefinition)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(mapDefinition);
        return builder.MapGrpcService(mapDefinition(builder.ServiceProvider));
    }

    public static GrpcServiceEndpointConventionBuilder MapGrpcService(
        this IEndpointRouteBuilder builder, ServerServiceDefinition serviceDefinition)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(serviceDefinition);
        EnsureAdded(builder);
        return new ServiceMapper(builder, typeof(ServerServiceDefinition), ServiceSettings.ForAll(builder.ServiceProvider))
            .Map(serviceDefinition.BindService);
    }

    private static void EnsureAdded(IEndpointRouteBuilder builder)
    {
        if (builder.ServiceProvider.GetService<MappedServices>() is null)
        {
            throw new InvalidOperationException("gRPC is not set up: call services.AddGrpc() before mapping services.");
        }
    }
}
