using FsCheck;
using FsCheck.Fluent;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class InterleavingTests
{
    public enum Kind
    {
        Write,
        Read,
        Interleave,
    }

    /// <summary>What may start while a request of the first kind is at an await.</summary>
    public static TheoryData<Kind, Kind, bool, bool> Matrix => new()
    {
        { Kind.Write, Kind.Write, false, false },
        { Kind.Write, Kind.Read, false, false },
        { Kind.Write, Kind.Interleave, false, true },
        { Kind.Read, Kind.Write, false, false },
        { Kind.Read, Kind.Read, false, true },
        { Kind.Read, Kind.Interleave, false, true },
        { Kind.Interleave, Kind.Write, false, true },
        { Kind.Interleave, Kind.Read, false, true },
        { Kind.Interleave, Kind.Interleave, false, true },
        { Kind.Write, Kind.Write, true, true },
        { Kind.Write, Kind.Read, true, true },
        { Kind.Read, Kind.Write, true, true },
    };

    [Theory]
    [MemberData(nameof(Matrix))]
    public async Task Request_BesideAnother_StartsOnlyWhenAllowed(Kind first, Kind second, bool isReentrant, bool mayStart)
    {
        await using var silo = await TestSilo.StartAsync();
        var grain = Get(silo, isReentrant);
        var running = Send(grain, first, "a");
        await silo.Journal.Written("a begins");
        var other = Send(grain, second, "b");

        // Turns run in order, so when this later one is through, b has begun if it may.
        silo.Journal.Open("probe");
        await grain.Interleave("probe").Soon();
        Assert.Equal(mayStart, silo.Journal.Lines.Contains("b begins"));

        silo.Journal.Open("a");
        silo.Journal.Open("b");
        await Task.WhenAll(running, other).Soon();
    }

    [Fact]
    public void Turns_AnyMixOfCalls_NeverOverlapAndStartByTheRules() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(40).WithEndSize(60), Prop.ForAll(
            Gen.Choose(0, 2).Select(static i => (Kind)i).ArrayOf().ToArbitrary(),
            ArbMap.Default.ArbFor<bool>(),
            static (kinds, isReentrant) => HoldsAsync(kinds, isReentrant).Soon().GetAwaiter().GetResult()));

    private static async Task<bool> HoldsAsync(Kind[] kinds, bool isReentrant)
    {
        await using var silo = await TestSilo.StartAsync();
        var key = isReentrant ? typeof(ReentrantTurnGrain).FullName : typeof(TurnGrain).FullName;
        var grain = silo.Grains.GetGrain<ITurnGrain>("g", key);
        await Task.WhenAll(kinds.Select((kind, i) => kind switch
        {
            Kind.Write => grain.Write(i),
            Kind.Read => grain.Read(i),
            _ => grain.Interleave(i),
        }));
        Assert.Equal(0, await grain.OverlapCount());
        Obey(kinds, isReentrant, silo.Journal.Lines);
        return true;
    }

    /// <summary>The rules once more, the obvious way: replays the journal and refuses what they do not allow.</summary>
    private static void Obey(Kind[] kinds, bool isReentrant, IReadOnlyList<string> lines)
    {
        var running = new List<int>();
        var blocking = -1;
        var lastWrite = -1;
        foreach (var line in lines)
        {
            var words = line.Split(' ');
            var index = int.Parse(words[0]);
            if (words[1] == "ends")
            {
                running.Remove(index);
                blocking = blocking == index ? -1 : blocking;
                continue;
            }

            var kind = kinds[index];
            Assert.True(
                isReentrant || kind is Kind.Interleave || blocking < 0 || (kind is Kind.Read && kinds[blocking] is Kind.Read),
                $"{index} ({kind}) began beside {blocking}");
            if (kind is Kind.Write)
            {
                Assert.True(index > lastWrite, $"{index} began after {lastWrite}");
                lastWrite = index;
            }

            running.Add(index);
            blocking = kind is not Kind.Interleave && blocking < 0 ? index : blocking;
        }

        Assert.Empty(running);
        Assert.Equal(kinds.Length * 2, lines.Count);
    }

    private static IStepGrain Get(TestSilo silo, bool isReentrant) =>
        silo.Grains.GetGrain<IStepGrain>("g", isReentrant ? typeof(ReentrantStepGrain).FullName : typeof(StepGrain).FullName);

    private static Task Send(IStepGrain grain, Kind kind, string name) => kind switch
    {
        Kind.Write => grain.Step(name),
        Kind.Read => grain.Read(name),
        _ => grain.Interleave(name).AsTask(),
    };
}
