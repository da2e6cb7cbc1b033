using Orleans.Runtime;

namespace Orleans.Placement;

/// <summary>Says where activations of a class go.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public abstract class PlacementAttribute : Attribute
{
    protected PlacementAttribute(PlacementStrategy placement) => PlacementStrategy = placement;

    public PlacementStrategy PlacementStrategy { get; }
}

/// <summary>Activations go to the process with few of them. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class ActivationCountBasedPlacementAttribute : PlacementAttribute
{
    public ActivationCountBasedPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}

/// <summary>Activations go where the hash of the key says. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class HashBasedPlacementAttribute : PlacementAttribute
{
    public HashBasedPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}

/// <summary>Activations go to the caller's process where possible. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class PreferLocalPlacementAttribute : PlacementAttribute
{
    public PreferLocalPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}

/// <summary>Activations go to a random process. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class RandomPlacementAttribute : PlacementAttribute
{
    public RandomPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}

/// <summary>Activations go to the process with room. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class ResourceOptimizedPlacementAttribute : PlacementAttribute
{
    public ResourceOptimizedPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}

internal sealed class LocalPlacement : PlacementStrategy
{
}
