namespace KvCluster.DecodeWorker.Scheduling;

/// <summary>What the scheduler knows of one Sequence.</summary>
/// <param name="Arrival">Rises from Sequence to Sequence.</param>
/// <param name="PendingTokenCount">Tokens whose KV is not there yet: 1 in decode, more while a prompt is computed here, 0 while
/// it waits for its first token.</param>
/// <param name="IsPaused">Sits this step out: its reader is behind.</param>
internal readonly record struct DecodeDemand(long Arrival, int PendingTokenCount, bool IsPaused);
