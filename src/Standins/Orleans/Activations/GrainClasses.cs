using System.Collections.Concurrent;
using System.Reflection;
using Orleans.Runtime;

namespace Orleans.Activations;

/// <summary>
/// The grain classes of the process: those of every assembly that references this one and is loaded, or is referenced by one that
/// is. A class that is still unknown when its interface is asked for is looked for once more.
/// </summary>
internal sealed class GrainClasses
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _scanned = [];
    private readonly ConcurrentDictionary<GrainType, GrainClass> _byType = new();
    private readonly ConcurrentDictionary<(Type Interface, string? Prefix), GrainType> _byInterface = new();

    public GrainClasses() => Scan(AppDomain.CurrentDomain.GetAssemblies());

    public GrainClass Get(GrainType grainType) => _byType.TryGetValue(grainType, out var found)
        ? found
        : throw new ArgumentException($"There is no grain class of type '{grainType}' in this process.");

    public GrainType Resolve(Type grainInterface, string? prefix)
    {
        if (_byInterface.TryGetValue((grainInterface, prefix), out var known))
        {
            return known;
        }

        var candidates = Implementations(grainInterface, prefix);
        if (candidates.Length == 0)
        {
            Scan(AppDomain.CurrentDomain.GetAssemblies());
            candidates = Implementations(grainInterface, prefix);
        }

        var chosen = candidates.Length switch
        {
            0 => throw new ArgumentException($"Could not find an implementation for interface {grainInterface}"
                + (prefix is null ? "." : $" whose class name starts with '{prefix}'.")),
            1 => candidates[0],
            _ => candidates.FirstOrDefault(candidate => candidate.Type.Name == grainInterface.Name[1..])
                ?? throw new ArgumentException($"Several grain classes implement {grainInterface}: "
                    + string.Join(", ", candidates.Select(static c => c.Type.FullName)) + ". Pass a class name prefix to GetGrain."),
        };
        return _byInterface.GetOrAdd((grainInterface, prefix), chosen.GrainType);
    }

    private GrainClass[] Implementations(Type grainInterface, string? prefix) =>
    [
        .. _byType.Values.Where(candidate => grainInterface.IsAssignableFrom(candidate.Type)
            && (prefix is null || candidate.Type.FullName!.StartsWith(prefix, StringComparison.Ordinal))),
    ];

    private void Scan(IEnumerable<Assembly> assemblies)
    {
        lock (_gate)
        {
            foreach (var assembly in assemblies)
            {
                Scan(assembly);
            }
        }
    }

    private void Scan(Assembly assembly)
    {
        var own = typeof(GrainClasses).Assembly.GetName().Name;
        var references = assembly.IsDynamic ? [] : assembly.GetReferencedAssemblies();
        if (!_scanned.Add(assembly.FullName!) || !references.Any(reference => reference.Name == own))
        {
            return;
        }

        foreach (var type in assembly.GetTypes().Where(IsGrainClass))
        {
            var found = new GrainClass(type);
            var first = _byType.GetOrAdd(found.GrainType, found);
            if (first.Type != type)
            {
                throw new OrleansConfigurationException(
                    $"{first.Type} and {type} are both of grain type '{found.GrainType}'. Rename one or give it a [GrainType].");
            }
        }

        foreach (var reference in references)
        {
            Scan(Assembly.Load(reference));
        }
    }

    private static bool IsGrainClass(Type type) => type is { IsClass: true, IsAbstract: false, ContainsGenericParameters: false }
        && typeof(IGrain).IsAssignableFrom(type) && !typeof(GrainReference).IsAssignableFrom(type);
}
