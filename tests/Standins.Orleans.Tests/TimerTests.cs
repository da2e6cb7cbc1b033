using Orleans.Configuration;
using Orleans.Hosting;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class TimerTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Tick_PeriodCountsFromItsEnd_AndAThrowingTickGoesOn()
    {
        await using var silo = await TestSilo.StartAsync();
        await StartAsync(silo, Second, Second * 10);
        silo.Journal.Open("t 2");
        silo.Journal.Open("t 3");

        silo.Clock.Advance(Second);
        await silo.Journal.Written("t 1 begins");
        silo.Clock.Advance(Second * 5);
        silo.Journal.Open("t 1");
        await SettleAsync(silo, "t 1 ends");
        silo.Clock.Advance(Second * 9);
        await Grain(silo).Activation().Soon();
        Assert.DoesNotContain("t 2 begins", silo.Journal.Lines);
        silo.Clock.Advance(Second);
        await SettleAsync(silo, "t 2 ends");
        silo.Clock.Advance(Second * 10);
        await silo.Journal.Written("t 3 ends");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tick_DuringARequest_InterleavesOnlyWhenAsked(bool interleave)
    {
        await using var silo = await TestSilo.StartAsync();
        await StartAsync(silo, Second, Timeout.InfiniteTimeSpan, interleave);
        var request = Grain(silo).Wait("request");
        await silo.Journal.Written("request begins");
        silo.Clock.Advance(Second);
        if (interleave)
        {
            await silo.Journal.Written("t 1 begins");
        }

        silo.Journal.Open("request");
        await request.Soon();
        silo.Journal.Open("t 1");
        await silo.Journal.Written("t 1 ends");
        Assert.Equal(["activated", "request begins", "t 1 begins", "t 1 ends"], silo.Journal.Lines);
    }

    [Fact]
    public async Task Tick_Running_HoldsUpRequestsWhenNotInterleaved()
    {
        await using var silo = await TestSilo.StartAsync();
        await StartAsync(silo, Second, Timeout.InfiniteTimeSpan);
        silo.Clock.Advance(Second);
        await silo.Journal.Written("t 1 begins");
        var request = Grain(silo).Wait("request");
        silo.Journal.Open("request");
        silo.Journal.Open("t 1");
        await request.Soon();
        Assert.Equal(["activated", "t 1 begins", "t 1 ends", "request begins"], silo.Journal.Lines);
    }

    [Fact]
    public async Task Change_ReplacesDueTimeAndPeriod()
    {
        await using var silo = await TestSilo.StartAsync();
        await StartAsync(silo, Second, Second);
        silo.Journal.Open("t 1");
        await Grain(silo).ChangeTimer(Second * 30, Second * 60).Soon();
        silo.Clock.Advance(Second * 29);
        await Grain(silo).Activation().Soon();
        Assert.DoesNotContain("t 1 begins", silo.Journal.Lines);
        silo.Clock.Advance(Second);
        await silo.Journal.Written("t 1 ends");
    }

    [Fact]
    public async Task Dispose_DuringATick_CancelsItAndStops()
    {
        await using var silo = await TestSilo.StartAsync();
        await StartAsync(silo, Second, Second, interleave: true);
        silo.Clock.Advance(Second);
        await silo.Journal.Written("t 1 begins");
        await Grain(silo).StopTimer().Soon();
        silo.Clock.Advance(Second * 10);
        await Grain(silo).Activation().Soon();
        Assert.Equal(["activated", "t 1 begins"], silo.Journal.Lines);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tick_OnAnIdleGrain_KeepsItOnlyWhenAsked(bool keepAlive)
    {
        await using var silo = await TestSilo.StartAsync(static builder =>
            builder.Configure<GrainCollectionOptions>(static options => options.CollectionAge = TimeSpan.FromMinutes(10)));
        await StartAsync(silo, Second * 300, Second * 300, keepAlive: keepAlive);
        for (var tick = 1; tick <= 4; tick++)
        {
            silo.Journal.Open($"t {tick}");
            silo.Clock.Advance(Second * 300);
            if (!keepAlive && tick == 2)
            {
                await silo.Journal.Written("disposed");
                return;
            }

            await SettleAsync(silo, $"t {tick} ends");
        }

        Assert.Equal(1, silo.Silo.Catalog.ActivationCount);
    }

    private static ILifeGrain Grain(TestSilo silo) => silo.Grains.GetGrain<ILifeGrain>("g");

    private static Task StartAsync(TestSilo silo, TimeSpan dueTime, TimeSpan period, bool interleave = false, bool keepAlive = false) =>
        Grain(silo).StartTimer("t", dueTime, period, interleave, keepAlive).Soon();

    /// <summary>Waits for the line and, without touching the grain's idleness, for the tick that wrote it to be over.</summary>
    private static async Task SettleAsync(TestSilo silo, string line)
    {
        await silo.Journal.Written(line);
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (var activation in silo.Silo.Catalog.Activations)
        {
            activation.Enqueue(new global::Orleans.Activations.AsyncTurn(() =>
            {
                over.TrySetResult();
                return Task.CompletedTask;
            }));
        }

        await over.Task.Soon();
    }
}
