namespace KvCluster.Gateway.Routing;

/// <summary>Chooses a worker. Pure: the same candidates in any order give the same choice.</summary>
internal interface IRoutingPolicy
{
    /// <param name="candidates">The workers that may be chosen.</param>
    /// <param name="uncachedTokenCount">Prompt tokens that would have to be computed.</param>
    /// <returns>Index of the choice; -1 when there are no candidates.</returns>
    public int Choose(ReadOnlySpan<WorkerCandidate> candidates, int uncachedTokenCount);
}
