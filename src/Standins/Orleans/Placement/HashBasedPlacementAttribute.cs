namespace Orleans.Placement;

/// <summary>Activations go where the hash of the key says. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class HashBasedPlacementAttribute : PlacementAttribute
{
    public HashBasedPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}
