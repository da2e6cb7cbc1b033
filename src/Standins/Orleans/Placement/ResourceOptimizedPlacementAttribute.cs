namespace Orleans.Placement;

/// <summary>Activations go to the process with room. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class ResourceOptimizedPlacementAttribute : PlacementAttribute
{
    public ResourceOptimizedPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}
