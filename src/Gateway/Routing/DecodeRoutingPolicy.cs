namespace KvCluster.Gateway.Routing;

/// <summary>
/// A worker with room, of those the least loaded: smallest share of its Sequences in use, then of its KV bytes, then the
/// lowest id. When none has room the least loaded of all: the Sequence waits there.
/// </summary>
internal sealed class DecodeRoutingPolicy : IRoutingPolicy
{
    public int Choose(ReadOnlySpan<WorkerCandidate> candidates, int uncachedTokenCount)
    {
        int best = -1;
        for (int i = 0; i < candidates.Length; i++)
        {
            if (best < 0 || IsBetter(candidates[i], candidates[best]))
            {
                best = i;
            }
        }

        return best;
    }

    private static bool IsBetter(in WorkerCandidate a, in WorkerCandidate b)
    {
        if (a.HasRoom != b.HasRoom)
        {
            return a.HasRoom;
        }

        int order = CompareShares(a.SequenceCount, a.MaxSequences, b.SequenceCount, b.MaxSequences);
        order = order != 0 ? order : CompareShares(a.KvBytes, a.KvByteBudget, b.KvBytes, b.KvByteBudget);
        order = order != 0 ? order : a.SequenceCount.CompareTo(b.SequenceCount);
        order = order != 0 ? order : string.CompareOrdinal(a.WorkerId, b.WorkerId);
        return order < 0;
    }

    /// <summary>Compares used/limit exactly, by cross products; no limit counts as an endless one.</summary>
    private static int CompareShares(long usedA, long limitA, long usedB, long limitB)
    {
        if (limitA <= 0 || limitB <= 0)
        {
            return (limitA > 0 ? usedA : 0).CompareTo(limitB > 0 ? usedB : 0);
        }

        return ((Int128)usedA * limitB).CompareTo((Int128)usedB * limitA);
    }
}
