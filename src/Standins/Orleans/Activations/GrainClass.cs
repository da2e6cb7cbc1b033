using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;
using Orleans.Core;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orleans.Activations;

/// <summary>A grain class: its type name, what its attributes say, and how to construct it.</summary>
internal sealed class GrainClass
{
    private readonly ObjectFactory _construct;
    private readonly GrainFacet[] _facets;

    public GrainClass(Type type)
    {
        Type = type;
        GrainType = type.GetCustomAttribute<GrainTypeAttribute>()?.GetGrainType(null!, type) ?? GrainType.Create(ConventionalName(type));
        IsReentrant = type.IsDefined(typeof(ReentrantAttribute));
        MaxWorkers = type.GetCustomAttribute<StatelessWorkerAttribute>()?.MaxLocalWorkers ?? 0;
        Age = type.GetCustomAttribute<CollectionAgeLimitAttribute>() switch
        {
            { AlwaysActive: true } => Timeout.InfiniteTimeSpan,
            { } limit => limit.AgeLimit,
            null => type.IsDefined(typeof(KeepAliveAttribute)) ? Timeout.InfiniteTimeSpan : null,
        };
        _facets = GrainFacet.Of(type);
        _construct = ActivatorUtilities.CreateFactory(type, [.. _facets.Select(static facet => facet.ParameterType)]);
    }

    public Type Type { get; }

    public GrainType GrainType { get; }

    public bool IsReentrant { get; }

    /// <summary>Zero unless it is a stateless worker.</summary>
    public int MaxWorkers { get; }

    /// <summary>How long it may be idle; null for the silo's value.</summary>
    public TimeSpan? Age { get; }

    /// <summary>Constructs an instance, with its services from the activation's scope and the states that want reading.</summary>
    public (object Grain, IStorage[] States) Create(Activation activation)
    {
        object[] states = [.. _facets.Select(facet => facet.Create(activation))];
        return (_construct(activation.ActivationServices, states), [.. states.Cast<IStorage>()]);
    }

    private static string ConventionalName(Type type)
    {
        var name = type.Name.ToLowerInvariant();
        return name.Length > "grain".Length && name.EndsWith("grain", StringComparison.Ordinal) ? name[..^"grain".Length] : name;
    }
}
