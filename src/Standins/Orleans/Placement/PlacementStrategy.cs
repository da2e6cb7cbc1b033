namespace Orleans.Runtime;

/// <summary>Where activations go. The stand-in has one process, so all strategies are alike.</summary>
public abstract class PlacementStrategy
{
}
