namespace Orleans.Placement;

/// <summary>Activations go to the caller's process where possible. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class PreferLocalPlacementAttribute : PlacementAttribute
{
    public PreferLocalPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}
