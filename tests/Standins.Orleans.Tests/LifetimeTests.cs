using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class LifetimeTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Idle_LongerThanCollectionAge_Deactivates()
    {
        await using var silo = await StartAsync();
        var grain = silo.Grains.GetGrain<ILifeGrain>("g");
        var first = await grain.Activation().Soon();

        silo.Clock.Advance(Minute * 8);
        Assert.Equal(first, await grain.Activation().Soon());
        silo.Clock.Advance(Minute * 8);
        Assert.Equal(first, await grain.Activation().Soon());
        silo.Clock.Advance(Minute * 12);
        await silo.Journal.Written("disposed");
        Assert.Equal(["activated", "deactivating ActivationIdle", "deactivated", "disposed"], silo.Journal.Lines);
        Assert.NotEqual(first, await grain.Activation().Soon());
        Assert.Equal(1, silo.Silo.Counters.DeactivatedCount);
    }

    [Fact]
    public async Task Idle_Delayed_StaysUntilThen()
    {
        await using var silo = await StartAsync();
        var grain = silo.Grains.GetGrain<ILifeGrain>("g");
        await grain.Delay(Minute * 60).Soon();
        silo.Clock.Advance(Minute * 59);
        Assert.Equal(1, silo.Silo.Catalog.ActivationCount);
        silo.Clock.Advance(Minute * 3);
        await silo.Journal.Written("disposed");
    }

    [Fact]
    public async Task Idle_ClassesWithTheirOwnAge_KeepIt()
    {
        await using var silo = await StartAsync();
        await silo.Grains.GetGrain<IAgeGrain>("a", typeof(KeptGrain).FullName).Touch().Soon();
        await silo.Grains.GetGrain<IAgeGrain>("a", typeof(OldGrain).FullName).Touch().Soon();
        silo.Clock.Advance(Minute * 90);
        Assert.Equal(2, silo.Silo.Catalog.ActivationCount);
        silo.Clock.Advance(Minute * 60);
        await silo.Journal.Written("old ends");
        Assert.DoesNotContain("kept ends", silo.Journal.Lines);
    }

    [Fact]
    public async Task Idle_RunningRequest_IsNoIdleness()
    {
        await using var silo = await StartAsync(static options => options.ResponseTimeout = TimeSpan.FromDays(1));
        var grain = silo.Grains.GetGrain<ILifeGrain>("g");
        var call = grain.Wait("gate");
        await silo.Journal.Written("gate begins");
        silo.Clock.Advance(Minute * 30);
        silo.Journal.Open("gate");
        await call.Soon();
        Assert.Equal(0, silo.Silo.Counters.DeactivatedCount);
    }

    [Fact]
    public async Task DeactivateOnIdle_WhileRunning_WaitsAndHandsLaterCallsToAFreshActivation()
    {
        await using var silo = await StartAsync();
        var grain = silo.Grains.GetGrain<ILifeGrain>("slow end");
        var first = await grain.Activation().Soon();
        await grain.DeactivateOnIdle().Soon();
        await silo.Journal.Written("deactivating ApplicationRequested");
        var later = grain.Activation();
        Assert.Equal(1, silo.Silo.Counters.ActivatedCount);

        silo.Journal.Open("slow end");
        Assert.NotEqual(first, await later.Soon());
        Assert.Equal(["activated", "deactivating ApplicationRequested", "deactivated", "disposed", "activated"], silo.Journal.Lines);
    }

    [Fact]
    public async Task Deactivation_LongerThanItsTimeout_IsAbandoned()
    {
        await using var silo = await StartAsync();
        var grain = silo.Grains.GetGrain<ILifeGrain>("slow end");
        await grain.DeactivateOnIdle().Soon();
        await silo.Journal.Written("deactivating ApplicationRequested");
        silo.Clock.Advance(Minute);
        await silo.Journal.Written("disposed");
        silo.Journal.Open("slow end");
        await silo.Journal.Written("deactivated");
    }

    [Fact]
    public async Task Activation_Throws_FailsTheCallAndLeavesNothing()
    {
        await using var silo = await StartAsync();
        var grain = silo.Grains.GetGrain<ILifeGrain>("fails");
        var calls = Enumerable.Range(0, 3).Select(_ => grain.Activation()).ToArray();
        foreach (var call in calls)
        {
            await Assert.ThrowsAsync<InvalidDataException>(() => call.Soon());
        }

        Assert.Equal(0, silo.Silo.Catalog.ActivationCount);
        Assert.Equal(0, silo.Silo.Counters.ActivatedCount);
        Assert.True(silo.Silo.Counters.FailedActivationCount >= 1);
    }

    [Fact]
    public async Task Activation_AlwaysLeaves_IsGivenUpAfterForwarding()
    {
        await using var silo = await StartAsync();
        await Assert.ThrowsAsync<OrleansMessageRejectionException>(() => silo.Grains.GetGrain<ILifeGrain>("leaves").Activation().Soon());
        Assert.Equal(3, silo.Silo.Counters.ActivatedCount);
    }

    [Fact]
    public async Task Stop_ActiveGrains_DeactivatesAll()
    {
        await using var silo = await StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => silo.Grains.GetGrain<ILifeGrain>($"{i}").Activation())).Soon();
        await silo.StopAsync();

        Assert.Equal(20, silo.Silo.Counters.DeactivatedCount);
        Assert.Equal(0, silo.Silo.Catalog.ActivationCount);
        Assert.Equal(20, silo.Journal.Lines.Count(static line => line == "deactivating ShuttingDown"));
        await Assert.ThrowsAsync<SiloUnavailableException>(() => silo.Grains.GetGrain<ILifeGrain>("late").Activation().Soon());
    }

    [Fact]
    public async Task Stop_HostLosesPatience_CallersAreTold()
    {
        await using var silo = await StartAsync();
        var call = silo.Grains.GetGrain<ILifeGrain>("g").Wait("never");
        await silo.Journal.Written("never begins");
        await silo.StopAtOnceAsync();
        await Assert.ThrowsAsync<SiloUnavailableException>(() => call.Soon());
    }

    [Fact]
    public async Task Start_AgeUnderQuantum_IsRefused()
    {
        var thrown = await Assert.ThrowsAsync<OrleansConfigurationException>(() => TestSilo.StartAsync(
            static builder => builder.Configure<GrainCollectionOptions>(static options => options.CollectionAge = TimeSpan.FromSeconds(1))));
        Assert.Contains("CollectionAge", thrown.Message, StringComparison.Ordinal);
    }

    private static Task<TestSilo> StartAsync(Action<SiloMessagingOptions>? messaging = null) => TestSilo.StartAsync(builder => builder
        .Configure<GrainCollectionOptions>(static options => options.CollectionAge = TimeSpan.FromMinutes(10))
        .Configure<SiloMessagingOptions>(options => messaging?.Invoke(options)));
}
