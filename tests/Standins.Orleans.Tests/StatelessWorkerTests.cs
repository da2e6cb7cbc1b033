using Orleans.Configuration;
using Orleans.Hosting;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class StatelessWorkerTests
{
    [Fact]
    public async Task Calls_MoreThanWorkers_RunOnAtMostThatMany()
    {
        await using var silo = await TestSilo.StartAsync();
        var grain = silo.Grains.GetGrain<IWorkerGrain>(0);
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(i => grain.Work($"{i}"))];
        await silo.Journal.Written("0 begins");
        await silo.Journal.Written("1 begins");
        await silo.Journal.Written("2 begins");
        calls = [.. calls, .. Enumerable.Range(3, 6).Select(i => grain.Work($"{i}"))];
        Assert.Equal(3, silo.Silo.Catalog.ActivationCount);
        Assert.Equal(3, silo.Journal.Lines.Count);

        for (var i = 0; i < calls.Length; i++)
        {
            silo.Journal.Open($"{i}");
        }

        var workers = await Task.WhenAll(calls).Soon();
        Assert.Equal(3, workers.Distinct().Count());
        Assert.All(workers.GroupBy(static worker => worker), static group => Assert.Equal(3, group.Count()));
    }

    [Fact]
    public async Task Calls_OneAfterTheOther_UseOneWorker()
    {
        await using var silo = await TestSilo.StartAsync();
        var grain = silo.Grains.GetGrain<IWorkerGrain>(0);
        silo.Journal.Open("x");
        var first = await grain.Work("x").Soon();
        Assert.Equal(first, await grain.Work("x").Soon());
        Assert.Equal(1, silo.Silo.Counters.ActivatedCount);
    }

    [Fact]
    public async Task Workers_Idle_EndAndComeBack()
    {
        await using var silo = await TestSilo.StartAsync(static builder =>
            builder.Configure<GrainCollectionOptions>(static options => options.CollectionAge = TimeSpan.FromMinutes(5)));
        var grain = silo.Grains.GetGrain<IWorkerGrain>(0);
        silo.Journal.Open("x");
        await grain.Work("x").Soon();
        var ended = silo.Silo.Catalog.Activations.Single().Deactivated;
        silo.Clock.Advance(TimeSpan.FromMinutes(7));
        await ended.Soon();
        Assert.Equal(0, silo.Silo.Catalog.ActivationCount);
        await grain.Work("x").Soon();
        Assert.Equal(2, silo.Silo.Counters.ActivatedCount);
    }
}
