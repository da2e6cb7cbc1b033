using FsCheck;
using FsCheck.Fluent;
using KvCluster.PrefillWorker.Scheduling;

namespace KvCluster.PrefillWorker.Tests.Scheduling;

public sealed class PrefillSchedulerTests
{
    [Fact]
    public void Plan_OneLongPrompt_TakesTheWholeBudget() => Assert.Equal([512], Plan(512, new PrefillDemand(0, 5000, false)));

    [Fact]
    public void Plan_ShortBehindGiant_BothGoOn() =>
        Assert.Equal([320, 150, 42], Plan(512, new PrefillDemand(0, 8000, false), new PrefillDemand(0, 150, false), new PrefillDemand(0, 42, false)));

    [Fact]
    public void Plan_OldestHeld_NextTakesItsPlace() =>
        Assert.Equal([0, 512], Plan(512, new PrefillDemand(64, 8000, true), new PrefillDemand(0, 900, false)));

    [Fact]
    public void Plan_BudgetOfOneBlock_FirstComeFirstServed() =>
        Assert.Equal([64, 0], Plan(64, new PrefillDemand(0, 640, false), new PrefillDemand(0, 5, false)));

    [Fact]
    public void Plan_NothingToDo_GrantsNothing() => Assert.Equal([0], Plan(512, new PrefillDemand(64, 100, true)));

    [Fact]
    public void Plan_AnyDemands_KeepsItsPromises() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(500),
        Prop.ForAll(Demands().ToArbitrary(), Gen.Choose(1, 12).ToArbitrary(), (demands, budgetBlocks) =>
        {
            var budget = 64 * budgetBlocks;
            var grants = Plan(budget, demands);
            var oldest = Array.FindIndex(demands, demand => !demand.IsHeld && demand.PendingTokenCount > 0);
            var total = grants.Sum();
            Assert.True(total <= budget);
            Assert.Equal(oldest >= 0, total > 0);
            for (var i = 0; i < demands.Length; i++)
            {
                Assert.InRange(grants[i], 0, demands[i].IsHeld ? 0 : demands[i].PendingTokenCount);
                Assert.True(grants[i] == demands[i].PendingTokenCount || grants[i] == 0 || (demands[i].Position + grants[i]) % 64 == 0);
            }

            if (oldest >= 0)
            {
                Assert.True(grants[oldest] >= Math.Min(demands[oldest].PendingTokenCount, Math.Max(64, budget / 128 * 64)));
            }
        }));

    [Fact]
    public void Plan_RepeatedUntilDone_EveryPromptEnds() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(100),
        Prop.ForAll(Demands().ToArbitrary(), demands =>
        {
            var left = demands.Select(demand => demand with { IsHeld = false }).ToArray();
            var steps = 0;
            var most = (left.Sum(demand => demand.PendingTokenCount + 64) / 64) + 1;
            while (left.Any(demand => demand.PendingTokenCount > 0))
            {
                var grants = Plan(128, left);
                left = [.. left.Zip(grants, (demand, grant) =>
                    demand with { Position = demand.Position + grant, PendingTokenCount = demand.PendingTokenCount - grant })];
                Assert.True(++steps <= most);
            }
        }));

    private static int[] Plan(int budget, params PrefillDemand[] demands)
    {
        var grants = new int[demands.Length];
        var total = new PrefillScheduler(budget).Plan(demands, grants);
        Assert.Equal(grants.Sum(), total);
        return grants;
    }

    private static Gen<PrefillDemand[]> Demands() =>
        (from blocks in Gen.Choose(0, 20)
         from pending in Gen.Choose(0, 2000)
         from held in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
         select new PrefillDemand(blocks * 64, pending, held)).ArrayOf();
}
