namespace Orleans.Placement;

/// <summary>Activations go to the process with few of them. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class ActivationCountBasedPlacementAttribute : PlacementAttribute
{
    public ActivationCountBasedPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}
