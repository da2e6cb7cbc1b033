namespace KvCluster.KvStore.Tiers;

/// <param name="SeenBlockCount">Blocks looked at.</param>
/// <param name="QueuedBlockCount">Of those: were not below and are now on their way.</param>
/// <param name="BlockCount">Blocks to look at.</param>
internal readonly record struct FlushProgress(int SeenBlockCount, int QueuedBlockCount, int BlockCount);
