namespace KvCluster.KvStore.Tiers;

internal enum StoredBlockState
{
    /// <summary>Layers are still to come.</summary>
    Pending,

    /// <summary>All layers are here.</summary>
    Complete,

    /// <summary>Its writers went away, or it was dropped, before all layers came.</summary>
    Aborted,
}
