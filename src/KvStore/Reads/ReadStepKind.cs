namespace KvCluster.KvStore.Reads;

internal enum ReadStepKind
{
    /// <summary>A slab to send.</summary>
    Slab,

    /// <summary>The writer of the block went away.</summary>
    Aborted,

    /// <summary>The copy in a lower tier could not be read, and was dropped.</summary>
    Lost,

    /// <summary>Nothing now; <see cref="ReadStep.Wake"/> says when to look again.</summary>
    Idle,

    /// <summary>Every block was delivered or given up.</summary>
    Finished,
}
