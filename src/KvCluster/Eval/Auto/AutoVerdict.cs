namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>What became of a candidate.</summary>
internal enum AutoVerdict
{
    /// <summary>A smaller one was chosen before it was its turn.</summary>
    NotNeeded,

    /// <summary>A smaller one lies as near to <c>raw</c>, and did not hold the bound.</summary>
    Dominated,

    /// <summary>Lost too much on a sample of the rows.</summary>
    FailedSample,

    /// <summary>Lost too much on all rows.</summary>
    Failed,

    Chosen,
}
