namespace KvCluster.KvStore.Reads;

/// <summary>How far the way of a cursor's block from the tier below is.</summary>
internal enum FetchState
{
    None,

    /// <summary>Wanted, when it is its turn.</summary>
    Queued,

    /// <summary>On its way.</summary>
    Running,
}
