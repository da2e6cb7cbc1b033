namespace KvCluster.KvStore.Tiers;

internal sealed partial class MemoryTier : IDisposable
{
    /// <summary>Gives all slabs back to the pool, which outlives a host inside another process.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (StoredBlock block in _table.Attached.ToList())
            {
                DetachLocked(block);
            }
        }
    }
}
