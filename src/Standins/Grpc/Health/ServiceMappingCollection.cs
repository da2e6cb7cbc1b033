using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Grpc.AspNetCore.HealthChecks;

/// <summary>Mappings by service name; mapping a name again replaces it.</summary>
public sealed class ServiceMappingCollection : ICollection<ServiceMapping>
{
    private readonly Dictionary<string, ServiceMapping> _mappings = new(StringComparer.Ordinal);

    public int Count => _mappings.Count;

    bool ICollection<ServiceMapping>.IsReadOnly => false;

    public void Map(string name, Func<HealthCheckMapContext, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(name);
        _mappings[name] = new ServiceMapping(name, predicate);
    }

    public void Add(ServiceMapping service)
    {
        ArgumentNullException.ThrowIfNull(service);
        _mappings.Add(service.Name, service);
    }

    public void Remove(string name) => _mappings.Remove(name);

    public void Clear() => _mappings.Clear();

    public IEnumerator<ServiceMapping> GetEnumerator() => _mappings.Values.GetEnumerator();

    bool ICollection<ServiceMapping>.Contains(ServiceMapping item) => _mappings.ContainsValue(item);

    void ICollection<ServiceMapping>.CopyTo(ServiceMapping[] array, int arrayIndex) =>
        _mappings.Values.CopyTo(array, arrayIndex);

    bool ICollection<ServiceMapping>.Remove(ServiceMapping item) => _mappings.ContainsValue(item) && _mappings.Remove(item.Name);

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal bool TryGet(string name, [NotNullWhen(true)] out ServiceMapping? mapping) => _mappings.TryGetValue(name, out mapping);
}
