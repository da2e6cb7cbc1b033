using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.AspNetCore.Server;

/// <summary>Takes the instance that serves a call from dependency injection, or makes one for the call.</summary>
internal static class ServiceActivator<TService>
    where TService : class
{
    private static readonly ObjectFactory<TService> Factory = ActivatorUtilities.CreateFactory<TService>([]);

    public static Activated<TService> Create(ServerCallContext context)
    {
        var services = context.GetHttpContext().RequestServices;
        return services.GetService<TService>() is { } registered
            ? new Activated<TService>(registered, isOwned: false)
            : new Activated<TService>(Factory(services, []), isOwned: true);
    }
}

/// <summary>An instance for one call; disposed at its end when it was made for it.</summary>
internal readonly struct Activated<T>(T instance, bool isOwned) : IAsyncDisposable
    where T : class
{
    public T Instance { get; } = instance;

    public ValueTask DisposeAsync()
    {
        if (isOwned)
        {
            switch (Instance)
            {
                case IAsyncDisposable disposable:
                    return disposable.DisposeAsync();
                case IDisposable disposable:
                    disposable.Dispose();
                    break;
            }
        }

        return ValueTask.CompletedTask;
    }
}
