using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.AspNetCore.Server;

/// <summary>Takes the interceptor of a call from dependency injection, or makes one for the call.</summary>
internal static class InterceptorActivator
{
    public static Activated<Interceptor> Create(this InterceptorRegistration registration, ServerCallContext context)
    {
        var services = context.GetHttpContext().RequestServices;
        if (registration.Arguments.Count == 0 && services.GetService(registration.Type) is Interceptor registered)
        {
            return new Activated<Interceptor>(registered, isOwned: false);
        }

        var made = (Interceptor)ActivatorUtilities.CreateInstance(services, registration.Type, [.. registration.Arguments]);
        return new Activated<Interceptor>(made, isOwned: true);
    }
}
