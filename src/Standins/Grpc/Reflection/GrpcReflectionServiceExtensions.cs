using Grpc.AspNetCore.Server;
using Grpc.Reflection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

public static class GrpcReflectionServiceExtensions
{
    public static IServiceCollection AddGrpcReflection(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(provider =>
        {
            var (names, symbols) = MappedSymbols(provider);
            return new ReflectionServiceImpl(names, symbols);
        });
        services.TryAddSingleton(provider =>
        {
            var (names, symbols) = MappedSymbols(provider);
            return new ReflectionV1ServiceImpl(names, symbols);
        });
        return services;
    }

    /// <summary>Services bound by hand are listed too; their files are known when a generated service shares them.</summary>
    private static (IEnumerable<string> Names, SymbolRegistry Symbols) MappedSymbols(IServiceProvider provider)
    {
        var mapped = provider.GetRequiredService<MappedServices>().All;
        var files = mapped
            .Select(service => MappedServices.DescriptorOf(service.Value)?.File)
            .OfType<Google.Protobuf.Reflection.FileDescriptor>()
            .Distinct();
        return (mapped.Select(service => service.Key).Order(StringComparer.Ordinal), SymbolRegistry.FromFiles(files));
    }
}
