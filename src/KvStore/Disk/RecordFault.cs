namespace KvCluster.KvStore.Disk;

/// <summary>Why a record gives no block.</summary>
internal enum RecordFault
{
    None,

    /// <summary>Anything about it is not as it was written.</summary>
    Damaged,

    /// <summary>It is sealed, as it was written, and its key is not known here.</summary>
    KeyUnknown,

    /// <summary>It is plain, and only sealed ones are taken: anybody may have written it.</summary>
    NotSealed,
}
