using KvCluster.Compression.Blocks;

namespace KvCluster.PrefillWorker.Scheduling;

/// <summary>
/// Shares the tokens of one step among the Sequences that wait for prefill. The rule:
/// <list type="number">
/// <item>Half of the budget is the oldest Sequence's, so every prompt ends at most twice as late as if it were alone once it
/// is the oldest, and none is starved.</item>
/// <item>The other half goes to the rest, the fewest pending tokens first, so a short prompt passes a giant one.</item>
/// <item>What they leave goes to the Sequences in order of arrival, so no step runs half empty.</item>
/// </list>
/// A chunk that does not end its prompt ends at a Block boundary. A budget of one Block is plain first come, first served.
/// </summary>
internal sealed class PrefillScheduler
{
    private readonly int _budgetTokens;
    private readonly int _oldestShareTokens;

    /// <param name="budgetTokens">Most tokens of a step; a multiple of 64.</param>
    public PrefillScheduler(int budgetTokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(budgetTokens, KvGeometry.BlockTokenCount);
        _budgetTokens = budgetTokens;
        var half = budgetTokens / 2;
        _oldestShareTokens = Math.Max(KvGeometry.BlockTokenCount, half - (half % KvGeometry.BlockTokenCount));
    }

    /// <summary>Plans a step.</summary>
    /// <param name="demands">In order of arrival.</param>
    /// <param name="grants">Set to the tokens that each may compute; as long as <paramref name="demands"/>.</param>
    /// <returns>Tokens granted in all; 0 when nobody can go on.</returns>
    public int Plan(ReadOnlySpan<PrefillDemand> demands, Span<int> grants)
    {
        grants.Clear();
        var left = _budgetTokens;
        var oldest = 0;
        while (oldest < demands.Length && !CanRun(demands[oldest]))
        {
            oldest++;
        }

        if (oldest == demands.Length)
        {
            return 0;
        }

        grants[oldest] = Fit(demands[oldest], _oldestShareTokens);
        left -= grants[oldest];
        for (var next = ShortestWithoutGrant(demands, grants); next >= 0 && left > 0; next = ShortestWithoutGrant(demands, grants))
        {
            grants[next] = Fit(demands[next], left);
            left -= grants[next];
            if (grants[next] == 0)
            {
                break;
            }
        }

        for (var i = oldest; i < demands.Length && left > 0; i++)
        {
            if (CanRun(demands[i]))
            {
                left += grants[i];
                grants[i] = Fit(demands[i], left);
                left -= grants[i];
            }
        }

        return _budgetTokens - left;
    }

    private static bool CanRun(in PrefillDemand demand) => !demand.IsHeld && demand.PendingTokenCount > 0;

    private static int ShortestWithoutGrant(ReadOnlySpan<PrefillDemand> demands, ReadOnlySpan<int> grants)
    {
        var shortest = -1;
        for (var i = 0; i < demands.Length; i++)
        {
            if (grants[i] == 0 && CanRun(demands[i])
                && (shortest < 0 || demands[i].PendingTokenCount < demands[shortest].PendingTokenCount))
            {
                shortest = i;
            }
        }

        return shortest;
    }

    /// <summary>The most of a demand that fits, cut back to a Block boundary unless it is all of it.</summary>
    private static int Fit(in PrefillDemand demand, int limitTokens)
    {
        if (demand.PendingTokenCount <= limitTokens)
        {
            return demand.PendingTokenCount;
        }

        var past = (demand.Position + limitTokens) % KvGeometry.BlockTokenCount;
        return Math.Max(0, limitTokens - past);
    }
}
