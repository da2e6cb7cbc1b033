using System.Collections.Concurrent;
using Google.Protobuf.Reflection;

namespace Grpc.AspNetCore.Server;

/// <summary>What has been mapped on this server: names for the "unimplemented" answers, types for reflection.</summary>
internal sealed class MappedServices
{
    private readonly ConcurrentDictionary<string, Type> _services = new(StringComparer.Ordinal);
    private int _fallbackMapped;

    public void Add(string serviceName, Type serviceType) => _services.TryAdd(serviceName, serviceType);

    public bool Contains(string serviceName) => _services.ContainsKey(serviceName);

    public IReadOnlyCollection<KeyValuePair<string, Type>> All => [.. _services];

    /// <summary>True for the first caller.</summary>
    public bool ClaimFallback() => Interlocked.Exchange(ref _fallbackMapped, 1) == 0;

    /// <summary>The descriptor that protoc put next to the base class of a service, or null when it was written by hand.</summary>
    public static ServiceDescriptor? DescriptorOf(Type serviceType) =>
        ServiceBinding.FindAttribute(serviceType)?.BindType.GetProperty("Descriptor")?.GetValue(null) as ServiceDescriptor;
}
