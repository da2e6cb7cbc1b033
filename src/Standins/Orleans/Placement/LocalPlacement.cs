using Orleans.Runtime;

namespace Orleans.Placement;

internal sealed class LocalPlacement : PlacementStrategy
{
}
