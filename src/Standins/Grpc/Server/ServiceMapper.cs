using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

/// <summary>Maps the methods of one service to endpoints, and once per server the answer to unknown ones.</summary>
internal sealed class ServiceMapper(IEndpointRouteBuilder routes, Type serviceType, ServiceSettings settings)
{
    private readonly MappedServices _mapped = routes.ServiceProvider.GetRequiredService<MappedServices>();

    public GrpcServiceEndpointConventionBuilder Map(Action<MethodCollector> bind)
    {
        var logger = routes.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("Grpc.AspNetCore.Server");
        var collector = new MethodCollector(settings, logger);
        bind(collector);
        var endpoints = new List<IEndpointConventionBuilder>(collector.Methods.Count);
        foreach (var (method, handle) in collector.Methods)
        {
            _mapped.Add(method.ServiceName, serviceType);
            endpoints.Add(routes
                .MapMethods(method.FullName, ["POST"], handle)
                .WithDisplayName($"gRPC - {method.FullName}")
                .WithMetadata(HandlerMetadata(method)));
        }

        if (!settings.IgnoreUnknownServices && _mapped.ClaimFallback())
        {
            UnknownMethods.Map(routes, _mapped);
        }

        return new GrpcServiceEndpointConventionBuilder(endpoints);
    }

    /// <summary>The method itself, then the attributes of the class and of the handler, such as [Authorize].</summary>
    private object[] HandlerMetadata(IMethod method)
    {
        var handler = serviceType.GetMethods().FirstOrDefault(candidate => candidate.Name == method.Name);
        return
        [
            new GrpcMethodMetadata(serviceType, method),
            .. serviceType.GetCustomAttributes(inherit: true),
            .. handler?.GetCustomAttributes(inherit: true) ?? [],
        ];
    }
}
