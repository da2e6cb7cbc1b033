using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class CallTests
{
    private static readonly string Plain = typeof(StepGrain).FullName!;

    [Fact]
    public async Task Call_FirstOfKey_ActivatesOnce()
    {
        await using var silo = await TestSilo.StartAsync();
        var grain = silo.Grains.GetGrain<IStepGrain>("one");

        Assert.Equal("one", await grain.Key().Soon());
        Assert.Equal("one", await silo.Grains.GetGrain<IStepGrain>("one").Key().Soon());
        Assert.Equal("two", await silo.Grains.GetGrain<IStepGrain>("two").Key().Soon());
        Assert.Equal(2, silo.Silo.Catalog.ActivationCount);
        Assert.Equal(2, silo.Silo.Counters.ActivatedCount);
    }

    [Fact]
    public async Task Call_ManyAtOnceOnNewKey_ActivatesOnce()
    {
        await using var silo = await TestSilo.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => silo.Grains.GetGrain<IStepGrain>("one").Key()))).Soon();
        Assert.Equal(1, silo.Silo.Counters.ActivatedCount);
    }

    [Fact]
    public async Task Call_GrainThrows_CallerGetsTheException()
    {
        await using var silo = await TestSilo.StartAsync();
        var thrown = await Assert.ThrowsAsync<InvalidDataException>(
            () => silo.Grains.GetGrain<IStepGrain>("g").Throw("broken").Soon());
        Assert.Equal("broken in g", thrown.Message);
    }

    [Fact]
    public async Task Call_OneWay_ReturnsBeforeTheGrainIsDone()
    {
        await using var silo = await TestSilo.StartAsync();
        await silo.Grains.GetGrain<IStepGrain>("g").Post("post").Soon();
        await silo.Journal.Written("post begins");
        silo.Journal.Open("post");
        await silo.Journal.Written("post ends");
    }

    [Fact]
    public async Task Call_NonReentrant_RunsInOrderOfArrival()
    {
        await using var silo = await TestSilo.StartAsync();
        var grain = silo.Grains.GetGrain<IStepGrain>("g");
        string[] names = [.. Enumerable.Range(0, 100).Select(static i => $"{i}")];
        Task[] calls = [.. names.Select(grain.Step)];
        foreach (var name in names)
        {
            silo.Journal.Open(name);
        }

        await Task.WhenAll(calls).Soon();
        Assert.Equal(names.SelectMany(static n => new[] { $"{n} begins", $"{n} ends" }), silo.Journal.Lines);
    }

    [Fact]
    public async Task Call_ToItself_TimesOut()
    {
        await using var silo = await TestSilo.StartAsync();
        var call = silo.Grains.GetGrain<IStepGrain>("g", Plain).CallSelf();
        await silo.Grains.GetGrain<IStepGrain>("g", Plain).Interleave(Opened(silo, "probe")).Soon();

        silo.Clock.Advance(TimeSpan.FromSeconds(40));
        await Assert.ThrowsAsync<TimeoutException>(() => call.Soon());
    }

    [Fact]
    public async Task Call_ToItselfOnReentrantClass_Answers()
    {
        await using var silo = await TestSilo.StartAsync();
        await silo.Grains.GetGrain<IStepGrain>("g", typeof(ReentrantStepGrain).FullName).CallSelf().Soon();
    }

    [Fact]
    public async Task Call_SlowerThanResponseTimeout_FailsWhileTheGrainGoesOn()
    {
        await using var silo = await TestSilo.StartAsync(
            static builder => builder.Configure<SiloMessagingOptions>(static options => options.ResponseTimeout = TimeSpan.FromSeconds(5)));
        var grain = silo.Grains.GetGrain<IStepGrain>("g");
        var running = grain.Step("running");
        var waiting = grain.Step("waiting");
        await silo.Journal.Written("running begins");

        silo.Clock.Advance(TimeSpan.FromSeconds(4));
        Assert.False(running.IsCompleted);
        silo.Clock.Advance(TimeSpan.FromSeconds(3));
        await Assert.ThrowsAsync<TimeoutException>(() => running.Soon());
        await Assert.ThrowsAsync<TimeoutException>(() => waiting.Soon());

        silo.Journal.Open("running");
        Assert.Equal("g", await grain.Key().Soon());
        Assert.Equal(["running begins", "running ends"], silo.Journal.Lines);
    }

    [Fact]
    public async Task Call_CancelledWhileRunning_CallerIsFreedAndTheGrainSeesIt()
    {
        await using var silo = await TestSilo.StartAsync();
        using var cancellation = new CancellationTokenSource();
        var call = silo.Grains.GetGrain<IStepGrain>("g").CancelMe("it", cancellation.Token);
        await silo.Journal.Written("it begins");

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.Soon());
        await silo.Journal.Written("it ends, cancelled: True");
    }

    [Fact]
    public async Task Call_CancelledWhileWaiting_NeverRuns()
    {
        await using var silo = await TestSilo.StartAsync();
        using var cancellation = new CancellationTokenSource();
        var grain = silo.Grains.GetGrain<IStepGrain>("g");
        var first = grain.Step("first");
        var second = grain.CancelMe("second", cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.Soon());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grain.CancelMe("third", cancellation.Token).Soon());

        silo.Journal.Open("first");
        await first.Soon();
        await grain.Key().Soon();
        Assert.Equal(["first begins", "first ends"], silo.Journal.Lines);
    }

    [Fact]
    public async Task Call_RequestContext_TravelsToTheGrainAndNotBack()
    {
        await using var silo = await TestSilo.StartAsync();
        RequestContext.Set("tenant", "blue");
        try
        {
            Assert.Equal("blue then green", await silo.Grains.GetGrain<IContextGrain>(7).ReplaceTenant("green").Soon());
            Assert.Equal("blue", RequestContext.Get("tenant"));
        }
        finally
        {
            RequestContext.Clear();
        }

        Assert.Equal(" then red", await silo.Grains.GetGrain<IContextGrain>(7).ReplaceTenant("red").Soon());
    }

    [Fact]
    public async Task Call_KeysOfAllKinds_ComeBackAsGiven()
    {
        await using var silo = await TestSilo.StartAsync();
        var guid = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");
        Assert.Equal(-5, await silo.Grains.GetGrain<IContextGrain>(-5).Integer().Soon());
        Assert.Equal((guid, null), await silo.Grains.GetGrain<IGuidGrain>(guid).Key().Soon());
        Assert.Equal((guid, "ext"), await silo.Grains.GetGrain<ICompoundGrain>(guid, "ext").Key().Soon());
    }

    [Fact]
    public async Task Call_BeforeStart_SaysSo()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleans();
        using var host = builder.Build();
        var grain = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IStepGrain>("g", Plain);
        var thrown = await Assert.ThrowsAsync<InvalidOperationException>(() => grain.Key().Soon());
        Assert.Contains("before the silo started", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetGrain_PrefixOrSeveralClasses_ResolvesByConvention()
    {
        await using var silo = await TestSilo.StartAsync();
        Assert.Equal("step/k", silo.Grains.GetGrain<IStepGrain>("k").GetGrainId().ToString());
        var named = silo.Grains.GetGrain<IStepGrain>("k", typeof(ReentrantStepGrain).FullName);
        Assert.Equal(GrainId.Create("reentrantstep", "k"), named.GetGrainId());
        Assert.Equal(named, silo.Grains.GetGrain<IStepGrain>(GrainId.Parse("reentrantstep/k")));
        Assert.Throws<ArgumentException>(() => silo.Grains.GetGrain<IStepGrain>("k", "No.Such"));
        Assert.Throws<ArgumentException>(() => silo.Grains.GetGrain<INobodyGrain>("k"));
    }

    private static string Opened(TestSilo silo, string gate)
    {
        silo.Journal.Open(gate);
        return gate;
    }
}
