using System.Collections.ObjectModel;
using Grpc.Core.Interceptors;

namespace Grpc.AspNetCore.Server;

/// <summary>Server interceptors; the first is the outermost.</summary>
public class InterceptorCollection : Collection<InterceptorRegistration>
{
    public void Add<TInterceptor>(params object[] args)
        where TInterceptor : Interceptor => Add(typeof(TInterceptor), args);

    public void Add(Type interceptorType, params object[] args) => Add(new InterceptorRegistration(interceptorType, args));
}

/// <summary>An interceptor type and the constructor arguments that do not come from dependency injection.</summary>
public class InterceptorRegistration
{
    private readonly object[] _arguments;

    internal InterceptorRegistration(Type type, object[] arguments)
    {
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(arguments);
        if (!type.IsAssignableTo(typeof(Interceptor)))
        {
            throw new ArgumentException($"{type} is not an Interceptor.", nameof(type));
        }

        Type = type;
        _arguments = arguments;
    }

    public Type Type { get; }

    public IReadOnlyList<object> Arguments => _arguments;
}
