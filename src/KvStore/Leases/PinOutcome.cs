namespace KvCluster.KvStore.Leases;

/// <param name="BlockCount">Blocks that are complete, and pinned.</param>
/// <param name="PinId">Names the pin; empty when nothing was pinned.</param>
/// <param name="IsFull">Nothing was pinned because pins would take more than their share of the budget.</param>
internal readonly record struct PinOutcome(int BlockCount, string PinId, bool IsFull = false);
