namespace KvCluster.DecodeWorker.Scheduling;

/// <summary>
/// What one step computes: a token of every Sequence in decode, and one chunk of one Sequence whose prompt is computed
/// here, so that the time between tokens of the others stays bounded. Sequences with prompt left take turns in order of arrival: a
/// short one is never stuck behind a long one, and none is starved.
/// </summary>
/// <param name="localPrefillChunkTokens">Most prompt tokens of a step.</param>
internal sealed class DecodeScheduler(int localPrefillChunkTokens)
{
    private long _lastPrefillArrival = -1;

    /// <summary>Plans a step.</summary>
    /// <param name="demands">In order of arrival.</param>
    /// <param name="grants">Set to the tokens that each computes; as long as <paramref name="demands"/>.</param>
    /// <returns>Tokens granted in all; 0 when nobody can go on.</returns>
    public int Plan(ReadOnlySpan<DecodeDemand> demands, Span<int> grants)
    {
        var total = 0;
        for (var i = 0; i < demands.Length; i++)
        {
            grants[i] = !demands[i].IsPaused && demands[i].PendingTokenCount == 1 ? 1 : 0;
            total += grants[i];
        }

        var turn = NextPrefill(demands);
        if (turn >= 0)
        {
            _lastPrefillArrival = demands[turn].Arrival;
            grants[turn] = Math.Min(demands[turn].PendingTokenCount, localPrefillChunkTokens);
            total += grants[turn];
        }

        return total;
    }

    private int NextPrefill(ReadOnlySpan<DecodeDemand> demands)
    {
        var first = -1;
        for (var i = 0; i < demands.Length; i++)
        {
            if (demands[i].IsPaused || demands[i].PendingTokenCount <= 1)
            {
                continue;
            }

            if (demands[i].Arrival > _lastPrefillArrival)
            {
                return i;
            }

            first = first < 0 ? i : first;
        }

        return first;
    }
}
