namespace KvCluster.KvStore.Cold;

/// <param name="Block">The verified block; null when there is none to give.</param>
/// <param name="WasLost">Whether there was one, and it was damaged or can't be read.</param>
internal readonly record struct ColdRead(ColdBlock? Block, bool WasLost = false);
