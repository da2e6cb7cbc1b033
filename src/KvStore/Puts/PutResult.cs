namespace KvCluster.KvStore.Puts;

internal enum PutResult
{
    Stored,

    /// <summary>The block, or this layer of it, is held already: the same bytes, dropped.</summary>
    Known,

    /// <summary>The copy that this Put was writing is gone: dropped, or evicted after another Put had completed it.</summary>
    Discarded,

    /// <summary>The slab failed verification.</summary>
    Refused,

    /// <summary>A newer incarnation of the worker has written.</summary>
    StaleEpoch,

    /// <summary>No room, and nothing that may be evicted.</summary>
    StoreFull,
}
