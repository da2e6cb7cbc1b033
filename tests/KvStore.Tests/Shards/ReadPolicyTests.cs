using KvCluster.Protocol.Shards;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>When replicas are asked, and which shards are trusted: by a clock that the tests move.</summary>
public sealed class ReadPolicyTests
{
    private static readonly ShardReadOptions Options = new() { HedgeMinDelay = TimeSpan.FromMilliseconds(30), HedgeShare = 0.05 };

    [Fact]
    public void Begin_FewOrFastReads_IsTheMinimum()
    {
        var policy = new HedgePolicy(Options);
        Assert.Equal(Options.HedgeMinDelay, policy.Begin("a"));
        Note(policy, "a", 100, TimeSpan.FromMilliseconds(1));
        Assert.Equal(Options.HedgeMinDelay, policy.Begin("a"));
    }

    [Fact]
    public void Begin_SlowShard_IsItsOwnRecentP95()
    {
        var policy = new HedgePolicy(Options);
        for (int i = 1; i <= 100; i++)
        {
            policy.NoteFirstSlab("a", TimeSpan.FromMilliseconds(i));
        }

        Assert.Equal(TimeSpan.FromMilliseconds(95), policy.Begin("a"));
        Assert.Equal(Options.HedgeMinDelay, policy.Begin("b"));
        Note(policy, "a", 128, TimeSpan.FromMilliseconds(200));
        Assert.Equal(TimeSpan.FromMilliseconds(200), policy.Begin("a"));
    }

    [Fact]
    public void TryHedge_EveryReadIsSlow_StaysWithinTheShare()
    {
        var policy = new HedgePolicy(Options);
        int hedgeCount = 0;
        for (int i = 0; i < 10_000; i++)
        {
            policy.Begin("a");
            hedgeCount += policy.TryHedge() ? 1 : 0;
        }

        Assert.InRange(hedgeCount, 490, 501);
    }

    [Fact]
    public void TryHedge_AfterACalmTime_AFewMayComeAtOnce()
    {
        var policy = new HedgePolicy(Options);
        for (int i = 0; i < 1000; i++)
        {
            policy.Begin("a");
        }

        Assert.Equal((int)HedgePolicy.MaxSavedHedges, Enumerable.Range(0, 100).Count(_ => policy.TryHedge()));
        Assert.False(new HedgePolicy(Options with { HedgeShare = 0 }).TryHedge());
    }

    [Fact]
    public void IsSuspect_FailuresFollowEachOther_PausesDoubleUntilASuccess()
    {
        var time = new TestTimeProvider();
        var health = new ShardHealth(time);
        foreach (double pauseSeconds in new[] { 0.5, 1, 2, 4, 8, 8 })
        {
            health.NoteFailure("a");
            health.NoteFailure("a");
            time.Advance(TimeSpan.FromSeconds(pauseSeconds - 0.1));
            Assert.True(health.IsSuspect("a"));
            Assert.False(health.IsSuspect("b"));
            time.Advance(TimeSpan.FromSeconds(0.2));
            Assert.False(health.IsSuspect("a"));
        }

        health.NoteSuccess("a");
        health.NoteFailure("a");
        time.Advance(TimeSpan.FromSeconds(0.6));
        Assert.False(health.IsSuspect("a"));
    }

    private static void Note(HedgePolicy policy, string address, int count, TimeSpan time)
    {
        for (int i = 0; i < count; i++)
        {
            policy.NoteFirstSlab(address, time);
        }
    }
}
