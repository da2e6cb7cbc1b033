using FsCheck;
using FsCheck.Fluent;
using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Tests.Routing;

public sealed class RoutingPolicyTests
{
    private static readonly Arbitrary<WorkerCandidate[]> Pools = (
        from count in Gen.Choose(1, 6)
        from numbers in Gen.Choose(0, 4).ArrayOf(count * 5)
        select Enumerable.Range(0, count).Select(i => new WorkerCandidate(
            $"w{i}", numbers[i * 5] * 100, numbers[i * 5 + 1], numbers[i * 5 + 2], numbers[i * 5 + 3] * 10, numbers[i * 5 + 4] * 10)).ToArray()).ToArbitrary();

    [Fact]
    public void PrefillChoose_AnyPool_IsFirstOfTheSortedOnes() =>
        Prop.ForAll(Pools, pool => Best(new PrefillRoutingPolicy(), pool) == pool
            .OrderBy(w => w.QueuedTokens + 100)
            .ThenBy(w => w.SequenceCount)
            .ThenBy(w => w.WorkerId, StringComparer.Ordinal)
            .First()).QuickCheckThrowOnFailure();

    [Fact]
    public void DecodeChoose_AnyPool_IsFirstOfTheSortedOnes() =>
        Prop.ForAll(Pools, pool => Best(new DecodeRoutingPolicy(), pool) == SlowDecodeChoice(pool)).QuickCheckThrowOnFailure();

    [Fact]
    public void DecodeChoose_SomeHaveRoom_NeverAFullOne() =>
        Prop.ForAll(Pools, pool => Best(new DecodeRoutingPolicy(), pool).HasRoom || !pool.Any(w => w.HasRoom)).QuickCheckThrowOnFailure();

    [Fact]
    public void Choose_OtherOrder_SameWorker() =>
        Prop.ForAll(Pools, pool =>
        {
            WorkerCandidate[] reversed = [.. pool.Reverse()];
            return Best(new PrefillRoutingPolicy(), pool) == Best(new PrefillRoutingPolicy(), reversed)
                && Best(new DecodeRoutingPolicy(), pool) == Best(new DecodeRoutingPolicy(), reversed);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Choose_NoCandidates_IsNone()
    {
        Assert.Equal(-1, new PrefillRoutingPolicy().Choose([], 1));
        Assert.Equal(-1, new DecodeRoutingPolicy().Choose([], 1));
    }

    private static WorkerCandidate Best(IRoutingPolicy policy, WorkerCandidate[] pool) => pool[policy.Choose(pool, 100)];

    /// <summary>Beats every other, pairwise, by the rules written out with fractions; among those that do, the lowest id.</summary>
    private static WorkerCandidate SlowDecodeChoice(WorkerCandidate[] pool)
    {
        WorkerCandidate[] open = [.. pool.Where(w => w.HasRoom)];
        WorkerCandidate[] all = open.Length > 0 ? open : pool;
        return all.OrderBy(w => w.WorkerId, StringComparer.Ordinal).Aggregate((best, next) => Beats(next, best) ? next : best);
    }

    private static bool Beats(WorkerCandidate a, WorkerCandidate b)
    {
        (double sequencesA, double sequencesB) = Shares(a.SequenceCount, a.MaxSequences, b.SequenceCount, b.MaxSequences);
        (double bytesA, double bytesB) = Shares(a.KvBytes, a.KvByteBudget, b.KvBytes, b.KvByteBudget);
        return (sequencesA, bytesA, a.SequenceCount).CompareTo((sequencesB, bytesB, b.SequenceCount)) < 0;
    }

    private static (double A, double B) Shares(long usedA, long limitA, long usedB, long limitB) => limitA > 0 && limitB > 0
        ? ((double)usedA / limitA, (double)usedB / limitB)
        : (limitA > 0 ? usedA : 0, limitB > 0 ? usedB : 0);
}
