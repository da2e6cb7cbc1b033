namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>What became of a candidate.</summary>
internal enum AutoVerdict
{
    /// <summary>A smaller one was chosen before it was its turn.</summary>
    NotNeeded,

    /// <summary>Another candidate is no larger and lies no farther from <c>raw</c>.</summary>
    Dominated,

    /// <summary>Lost too much on a sample of the rows.</summary>
    FailedSample,

    /// <summary>Lost too much on all rows.</summary>
    Failed,

    Chosen,
}
