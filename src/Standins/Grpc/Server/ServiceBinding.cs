using System.Reflection;
using Grpc.Core;

namespace Grpc.AspNetCore.Server;

/// <summary>Finds the BindService method of a service class and runs it on a binder.</summary>
internal static class ServiceBinding
{
    public static BindServiceMethodAttribute? FindAttribute(Type serviceType)
    {
        for (var type = serviceType; type is not null; type = type.BaseType)
        {
            if (type.GetCustomAttribute<BindServiceMethodAttribute>(inherit: false) is { } attribute)
            {
                return attribute;
            }
        }

        return null;
    }

    public static void Bind<TService>(MethodCollector collector)
        where TService : class
    {
        var attribute = FindAttribute(typeof(TService)) ?? throw new InvalidOperationException(
            $"{typeof(TService)} has no base class with [BindServiceMethod]; derive it from a generated service base.");
        var method = attribute.BindType
            .GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static)
            .FirstOrDefault(candidate => candidate.Name == attribute.BindMethodName
                && candidate.GetParameters() is [var binder, var service]
                && binder.ParameterType == typeof(ServiceBinderBase)
                && service.ParameterType.IsAssignableFrom(typeof(TService)))
            ?? throw new InvalidOperationException(
                $"{attribute.BindType} has no static {attribute.BindMethodName}(ServiceBinderBase, {typeof(TService).Name}) method.");
        var handlers = new ServiceMethodBinder<TService>(collector);
        method.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [handlers, null], null);
    }
}
