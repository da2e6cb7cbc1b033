using FsCheck;
using FsCheck.Fluent;
using Orleans.Runtime;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class EnumerationTests
{
    [Fact]
    public void Items_AnyCountAndBatchSize_ArriveAllAndInOrder() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(30), Prop.ForAll(
            Gen.Choose(0, 350).ToArbitrary(),
            Gen.Choose(1, 120).ToArbitrary(),
            static (count, batchSize) => ArrivesAsync(count, batchSize).Soon().GetAwaiter().GetResult()));

    [Fact]
    public async Task Items_OneAtATime_ArriveAsTheyAreMade()
    {
        await using var silo = await TestSilo.StartAsync();
        await using var items = silo.Grains.GetGrain<IStreamGrain>("g").Count(3, gated: true, Token).GetAsyncEnumerator(Token);
        for (var i = 0; i < 3; i++)
        {
            var next = items.MoveNextAsync();
            await silo.Journal.Written($"waits for {i}");
            silo.Journal.Open($"item {i}");
            Assert.True(await next.Soon());
            Assert.Equal(i, items.Current);
        }

        Assert.False(await items.MoveNextAsync().Soon());
        Assert.Equal("finally at home: True", silo.Journal.Lines[^1]);
    }

    [Fact]
    public async Task Items_ConsumerPauses_GrainServesOthersAndStaysOneStepAhead()
    {
        await using var silo = await TestSilo.StartAsync();
        var grain = silo.Grains.GetGrain<IStreamGrain>("g");
        await using var items = grain.Count(1_000_000, gated: false, Token).WithBatchSize(10).GetAsyncEnumerator(Token);
        Assert.True(await items.MoveNextAsync().Soon());
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(i, await grain.Echo(i).Soon());
        }

        var waiting = silo.Grains.GetGrain<IStreamGrain>("g").Count(1, gated: true, Token).GetAsyncEnumerator(Token).MoveNextAsync();
        await silo.Journal.Written("waits for 0");
        Assert.Equal(7, await grain.Echo(7).Soon());
        silo.Journal.Open("item 0");
        Assert.True(await waiting.Soon());
    }

    [Fact]
    public async Task Dispose_Early_RunsFinallyOnTheActivationFirst()
    {
        await using var silo = await TestSilo.StartAsync();
        await foreach (var item in silo.Grains.GetGrain<IStreamGrain>("g").Count(1000, gated: false, Token).WithBatchSize(5))
        {
            Assert.Equal(0, item);
            break;
        }

        Assert.Equal(["finally at home: True"], silo.Journal.Lines);
        Assert.False(silo.Silo.Catalog.Activations.Single().Enumerations.HasAny);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancel_WhileTheGrainWaits_EndsBothSides(bool byArgument)
    {
        await using var silo = await TestSilo.StartAsync();
        using var cancellation = new CancellationTokenSource();
        var grain = silo.Grains.GetGrain<IStreamGrain>("g");
        await using var items = byArgument
            ? grain.Count(1, gated: true, cancellation.Token).GetAsyncEnumerator(CancellationToken.None)
            : grain.Count(1, gated: true, CancellationToken.None).GetAsyncEnumerator(cancellation.Token);
        var next = items.MoveNextAsync();
        await silo.Journal.Written("waits for 0");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.Soon());
        Assert.Equal(["waits for 0", "finally at home: True"], silo.Journal.Lines);
        Assert.False(await items.MoveNextAsync().Soon());
    }

    [Fact]
    public async Task Cancel_MethodThatIsNoIterator_SeesItsParameterCancelled()
    {
        await using var silo = await TestSilo.StartAsync();
        using var cancellation = new CancellationTokenSource();
        await using var items = silo.Grains.GetGrain<IStreamGrain>("g").Plain(CancellationToken.None).GetAsyncEnumerator(cancellation.Token);
        var next = items.MoveNextAsync();
        await silo.Journal.Written("plain begins");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.Soon());
        await silo.Journal.Written("plain cancelled");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Grain_ThrowsAfterItems_ConsumerGetsTheItemsThenTheException(int count)
    {
        await using var silo = await TestSilo.StartAsync();
        var seen = new List<string>();
        var thrown = await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (var item in silo.Grains.GetGrain<IStreamGrain>("g").FailAfter(count))
            {
                seen.Add(item);
            }
        });
        Assert.Equal($"failed after {count}", thrown.Message);
        Assert.Equal(count, seen.Count);
    }

    [Fact]
    public async Task Grain_Deactivated_ConsumerIsTold()
    {
        await using var silo = await TestSilo.StartAsync();
        var grain = silo.Grains.GetGrain<IStreamGrain>("g");
        await using var items = grain.Count(1, gated: true, Token).GetAsyncEnumerator(Token);
        var next = items.MoveNextAsync();
        await silo.Journal.Written("waits for 0");
        await grain.Leave().Soon();
        await Assert.ThrowsAsync<EnumerationAbortedException>(() => next.Soon());
        await silo.Journal.Written("finally at home: True");
    }

    [Fact]
    public async Task Consumer_PausesLongerThanTheResponseTimeout_IsTold()
    {
        await using var silo = await TestSilo.StartAsync();
        await using var items = silo.Grains.GetGrain<IStreamGrain>("g").Count(10, gated: false, Token).WithBatchSize(1).GetAsyncEnumerator(Token);
        Assert.True(await items.MoveNextAsync().Soon());
        silo.Clock.Advance(TimeSpan.FromSeconds(32));
        await silo.Journal.Written("finally at home: True");
        await Assert.ThrowsAsync<EnumerationAbortedException>(() => items.MoveNextAsync().Soon());
    }

    [Fact]
    public async Task Stop_DuringAnEnumeration_DoesNotWaitForIt()
    {
        await using var silo = await TestSilo.StartAsync();
        await using var items = silo.Grains.GetGrain<IStreamGrain>("g").Count(1, gated: true, Token).GetAsyncEnumerator(Token);
        var next = items.MoveNextAsync();
        await silo.Journal.Written("waits for 0");
        await silo.StopAsync();
        Assert.Equal(1, silo.Silo.Counters.DeactivatedCount);
        await Assert.ThrowsAnyAsync<Exception>(() => next.Soon());
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task<bool> ArrivesAsync(int count, int batchSize)
    {
        await using var silo = await TestSilo.StartAsync();
        var seen = new List<int>();
        await foreach (var item in silo.Grains.GetGrain<IStreamGrain>("g").Count(count, gated: false, Token).WithBatchSize(batchSize))
        {
            seen.Add(item);
        }

        return seen.SequenceEqual(Enumerable.Range(0, count));
    }
}
