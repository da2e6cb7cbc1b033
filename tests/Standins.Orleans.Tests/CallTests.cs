namespace KvCluster.Standins.Orleans.Tests;

public sealed class CallTests
{
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
    public async Task Call_GrainThrows_CallerGetsTheException()
    {
        await using var silo = await TestSilo.StartAsync();
        var thrown = await Assert.ThrowsAsync<InvalidDataException>(
            () => silo.Grains.GetGrain<IStepGrain>("g").Throw("broken").Soon());
        Assert.Equal("broken in g", thrown.Message);
    }
}
