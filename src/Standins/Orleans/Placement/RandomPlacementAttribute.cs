namespace Orleans.Placement;

/// <summary>Activations go to a random process. One process here: no effect.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class RandomPlacementAttribute : PlacementAttribute
{
    public RandomPlacementAttribute()
        : base(new LocalPlacement())
    {
    }
}
