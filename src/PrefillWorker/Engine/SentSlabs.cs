namespace KvCluster.PrefillWorker.Engine;

/// <summary>What the KvStore, or the decode worker, has acknowledged of one prompt.</summary>
/// <param name="SlabCount">Slabs sent, the Tail's included.</param>
/// <param name="Bytes">Their bytes, headers included.</param>
internal readonly record struct SentSlabs(int SlabCount, long Bytes);
