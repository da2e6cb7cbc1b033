using System.Collections.Concurrent;
using Orleans.Activations;
using Orleans.Runtime;

namespace Orleans.Proxies;

/// <summary>A grain interface: its methods and how to make a proxy. Made once a type, when the first reference is.</summary>
internal sealed class GrainInterface(Type type, GrainMethod[] methods, Func<Silo, GrainId, GrainInterface, GrainReference> create)
{
    private static readonly ConcurrentDictionary<Type, GrainInterface> Known = new();

    /// <summary>For references that only carry an identity.</summary>
    public static GrainInterface Untyped { get; } = new(
        typeof(IAddressable), [], static (silo, grainId, self) => new GrainReference(silo, grainId, self));

    public Type Type { get; } = type;

    public GrainMethod[] Methods { get; } = methods;

    public static GrainInterface Get(Type type)
    {
        if (Known.TryGetValue(type, out var known))
        {
            return known;
        }

        // Checked and emitted outside the dictionary: both throw on wrong interfaces, and a lost race only wastes a proxy.
        var methods = GrainInterfaceRules.Check(type);
        return Known.GetOrAdd(type, new GrainInterface(type, [.. methods.Select(static m => new GrainMethod(m))], ProxyEmitter.Emit(type, methods)));
    }

    public GrainReference CreateReference(Silo silo, GrainId grainId) => create(silo, grainId, this);
}
