namespace KvCluster.Gateway.Routing;

/// <summary>The worker that would be done first: least queued plus uncached tokens; then fewest Sequences, then the lowest id.</summary>
internal sealed class PrefillRoutingPolicy : IRoutingPolicy
{
    public int Choose(ReadOnlySpan<WorkerCandidate> candidates, int uncachedTokenCount)
    {
        int best = -1;
        for (int i = 0; i < candidates.Length; i++)
        {
            if (best < 0 || IsBetter(candidates[i], candidates[best], uncachedTokenCount))
            {
                best = i;
            }
        }

        return best;
    }

    private static bool IsBetter(in WorkerCandidate a, in WorkerCandidate b, int uncachedTokenCount)
    {
        int order = (a.QueuedTokens + uncachedTokenCount).CompareTo(b.QueuedTokens + uncachedTokenCount);
        order = order != 0 ? order : a.SequenceCount.CompareTo(b.SequenceCount);
        order = order != 0 ? order : string.CompareOrdinal(a.WorkerId, b.WorkerId);
        return order < 0;
    }
}
