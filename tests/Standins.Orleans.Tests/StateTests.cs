using Orleans.Hosting;
using Orleans.Storage;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class StateTests
{
    [Fact]
    public async Task Write_ThenDeactivate_IsReadByTheNextActivation()
    {
        await using var silo = await StartAsync();
        var grain = silo.Grains.GetGrain<IBasketGrain>("g");
        Assert.Equal("nobody [] exists False etag none", await grain.Describe().Soon());
        await grain.Put("ann", "pear", 2).Soon();
        await grain.Write().Soon();
        await grain.Put("ann", "pear", 3).Soon();
        await grain.Leave().Soon();

        Assert.Equal("ann [pear:2] exists True etag 1", await grain.Describe().Soon());
        Assert.Equal(["activated with nobody", "activated with ann"], silo.Journal.Lines);
        Assert.Equal("nobody [] exists False etag none", await silo.Grains.GetGrain<IBasketGrain>("other").Describe().Soon());
    }

    [Fact]
    public async Task Read_AfterUnwrittenChanges_TakesThemBack()
    {
        await using var silo = await StartAsync();
        var grain = silo.Grains.GetGrain<IBasketGrain>("g");
        await grain.Put("ann", "pear", 2).Soon();
        await grain.Write().Soon();
        await grain.Put("bob", "pear", 9).Soon();
        await grain.Read().Soon();
        Assert.Equal("ann [pear:2] exists True etag 1", await grain.Describe().Soon());
        await grain.Clear().Soon();
        Assert.Equal("nobody [] exists False etag none", await grain.Describe().Soon());
    }

    [Fact]
    public async Task Write_RecordChangedSinceRead_ConflictsAndDeactivates()
    {
        await using var silo = await StartAsync();
        var grain = silo.Grains.GetGrain<IBasketGrain>("g");
        await grain.Put("ann", "pear", 2).Soon();
        await grain.Write().Soon();
        await grain.WriteBehindItsBack().Soon();

        await grain.Put("bob", "plum", 1).Soon();
        var conflict = await Assert.ThrowsAsync<InconsistentStateException>(() => grain.Write().Soon());
        Assert.Equal(("2", "1"), (conflict.StoredEtag, conflict.CurrentEtag));
        Assert.Equal("twin [pear:2] exists True etag 2", await grain.Describe().Soon());
        Assert.Equal(1, silo.Silo.Counters.DeactivatedCount);
    }

    [Fact]
    public async Task Activate_StorageIsNotRegistered_SaysWhich()
    {
        await using var silo = await TestSilo.StartAsync();
        var thrown = await Assert.ThrowsAsync<BadProviderConfigException>(() => silo.Grains.GetGrain<IBasketGrain>("g").Describe().Soon());
        Assert.Contains("'baskets'", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Copy_SharedCyclicAndFixedParts_KeepTheirShape()
    {
        var shared = new List<int> { 1, 2 };
        var original = new Dictionary<string, object> { ["a"] = shared, ["b"] = shared, ["text"] = "fixed", ["grid"] = new List<int>[2, 2] };
        original["self"] = original;
        var copy = Assert.IsType<Dictionary<string, object>>(StateCopier.Copy(original));

        Assert.NotSame(original, copy);
        Assert.Same(copy, copy["self"]);
        Assert.Same(copy["a"], copy["b"]);
        Assert.NotSame(shared, copy["a"]);
        Assert.Equal(shared, Assert.IsType<List<int>>(copy["a"]));
        shared.Add(3);
        Assert.Equal([1, 2], Assert.IsType<List<int>>(copy["a"]));
    }

    private static Task<TestSilo> StartAsync() => TestSilo.StartAsync(static builder => builder.AddMemoryGrainStorage("baskets"));
}
