namespace KvCluster.PrefillWorker.Scheduling;

/// <summary>What the scheduler knows of one Sequence.</summary>
/// <param name="Position">Tokens that its cache holds.</param>
/// <param name="PendingTokenCount">Prompt tokens still to compute.</param>
/// <param name="IsHeld">Sits this step out: its slabs wait for the network.</param>
internal readonly record struct PrefillDemand(int Position, int PendingTokenCount, bool IsHeld);
