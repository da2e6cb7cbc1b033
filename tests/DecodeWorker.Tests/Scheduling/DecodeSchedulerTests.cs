using FsCheck;
using FsCheck.Fluent;
using KvCluster.DecodeWorker.Scheduling;

namespace KvCluster.DecodeWorker.Tests.Scheduling;

public sealed class DecodeSchedulerTests
{
    [Fact]
    public void Plan_DecodeAndPrefill_OneTokenEachAndOneChunk()
    {
        int[] grants = [0, 0, 0, 0, 0];
        var total = new DecodeScheduler(128).Plan(
            [new(0, 1, false), new(1, 500, false), new(2, 1, true), new(3, 60, false), new(4, 0, false)], grants);

        Assert.Equal([1, 128, 0, 0, 0], grants);
        Assert.Equal(129, total);
    }

    [Fact]
    public void Plan_SeveralPrompts_TakeTurns()
    {
        var scheduler = new DecodeScheduler(128);
        DecodeDemand[] demands = [new(3, 500, false), new(5, 60, false), new(9, 500, true), new(12, 500, false)];
        var turns = new List<int>();
        for (var step = 0; step < 6; step++)
        {
            var grants = new int[demands.Length];
            scheduler.Plan(demands, grants);
            turns.Add(Array.FindIndex(grants, grant => grant > 0));
        }

        Assert.Equal([0, 1, 3, 0, 1, 3], turns);
    }

    [Fact]
    public void Plan_AnyDemands_KeepsItsPromises() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(500),
        Prop.ForAll(
            (from pending in Gen.Frequency((3, Gen.Constant(1)), (1, Gen.Choose(0, 1000)))
             from paused in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
             select (pending, paused)).ArrayOf().ToArbitrary(),
            items =>
            {
                DecodeDemand[] demands = [.. items.Select((item, i) => new DecodeDemand(i, item.pending, item.paused))];
                var grants = new int[demands.Length];
                var total = new DecodeScheduler(64).Plan(demands, grants);
                Assert.Equal(grants.Sum(), total);
                Assert.True(grants.Count(grant => grant > 1) <= 1);
                Assert.Equal(demands.Any(demand => demand is { IsPaused: false, PendingTokenCount: > 0 }), total > 0);
                for (var i = 0; i < demands.Length; i++)
                {
                    Assert.InRange(grants[i], 0, demands[i].IsPaused ? 0 : Math.Min(64, demands[i].PendingTokenCount));
                    Assert.True(demands[i].IsPaused || demands[i].PendingTokenCount != 1 || grants[i] == 1);
                }
            }));
}
