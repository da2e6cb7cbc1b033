using KvCluster.Gateway.HandOffs;
using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Tests.HandOffs;

public sealed class HandOffPolicyTests
{
    private static readonly HandOffClass Long = HandOffClass.Of(new KvIdentity(1, 2), 4096);
    private static readonly HandOffClass Short = HandOffClass.Of(new KvIdentity(1, 2), 300);

    private readonly TestTimeProvider _time = new();
    private readonly HandOffPolicy _policy;

    public HandOffPolicyTests() => _policy = new HandOffPolicy(_time, new Random(7));

    [Fact]
    public void Choose_NothingMeasured_TakesBothInTurn()
    {
        HandOffChoice[] choices = [.. Enumerable.Range(0, 6).Select(_ => _policy.Choose(Long))];

        Assert.All(choices, choice => Assert.True(choice.IsTrial));
        Assert.Equal(3, choices.Count(choice => choice.Way == HandOffWay.Direct));
        Assert.NotEqual(choices[0].Way, choices[1].Way);
    }

    [Theory]
    [InlineData(10, 30)]
    [InlineData(30, 10)]
    public void Choose_OneIsFaster_TakesItAndTriesTheOtherNowAndThen(int storeMs, int directMs)
    {
        HandOffWay faster = directMs < storeMs ? HandOffWay.Direct : HandOffWay.Store;

        HandOffChoice[] choices = Run(Long, 3200, storeMs, directMs);

        Assert.All(choices[(2 * HandOffPolicy.MinCount)..], choice => Assert.Equal(choice.IsTrial, choice.Way != faster));
        Assert.InRange(choices.Count(choice => choice.Way != faster), 150, 250);
    }

    [Fact]
    public void Choose_FasterOneGetsSlow_Changes()
    {
        Run(Long, 100, storeMs: 10, directMs: 30);

        HandOffChoice[] after = Run(Long, 400, storeMs: 90, directMs: 30);

        Assert.True(after[^100..].Count(choice => choice.Way == HandOffWay.Direct) > 80);
    }

    [Fact]
    public void Choose_SlowerOneGetsFast_IsNoticedByTrials()
    {
        Run(Long, 100, storeMs: 10, directMs: 30);

        HandOffChoice[] after = Run(Long, 600, storeMs: 10, directMs: 2);

        Assert.True(after[^100..].Count(choice => choice.Way == HandOffWay.Direct) > 80);
    }

    [Fact]
    public void Choose_SomeWereHeldUp_IsNotMoved()
    {
        Run(Long, 100, storeMs: 10, directMs: 30);
        for (int i = 0; i < HandOffPolicy.WindowLength / 2; i++)
        {
            _policy.Add(Long, HandOffWay.Store, TimeSpan.FromSeconds(5), 1);
        }

        Assert.Equal(HandOffWay.Store, Standing(Long, HandOffWay.Direct).MedianTime > Standing(Long, HandOffWay.Store).MedianTime ? HandOffWay.Store : HandOffWay.Direct);
        Assert.True(Run(Long, 50, storeMs: 10, directMs: 30).Count(choice => choice.Way == HandOffWay.Store) > 40);
    }

    [Fact]
    public void Choose_FirstOnesWereSlow_IsMeasuredAgainSoon()
    {
        // With trials of a sixteenth from the beginning it takes twice as long.
        Assert.InRange(Enumerable.Range(1, 200).Average(PromptsUntilDirect), 5, 20);

        int PromptsUntilDirect(int seed)
        {
            var policy = new HandOffPolicy(_time, new Random(seed));
            Run(policy, Long, 5, storeMs: 9, directMs: 50);
            return Array.FindIndex(Run(policy, Long, 500, storeMs: 9, directMs: 4), choice => choice == new HandOffChoice(HandOffWay.Direct, IsTrial: false));
        }
    }

    [Fact]
    public void Choose_SizesAndModels_AreComparedApart()
    {
        Run(Long, 50, storeMs: 30, directMs: 10);
        Run(Short, 50, storeMs: 3, directMs: 5);
        var other = HandOffClass.Of(new KvIdentity(1, 3), 4096);

        Assert.True(Run(Long, 50, storeMs: 30, directMs: 10).Count(choice => choice.Way == HandOffWay.Direct) > 40);
        Assert.True(Run(Short, 50, storeMs: 3, directMs: 5).Count(choice => choice.Way == HandOffWay.Store) > 40);
        Assert.True(_policy.Choose(other).IsTrial);
    }

    [Fact]
    public void Choose_LongAgo_IsForgotten()
    {
        Run(Long, 50, storeMs: 10, directMs: 30);
        _time.Advance(HandOffPolicy.MaxAge + TimeSpan.FromSeconds(1));

        Assert.True(_policy.Choose(Long).IsTrial);
        Assert.All(_policy.Standings(), standing => Assert.Equal((0, TimeSpan.Zero), (standing.Count, standing.MedianTime)));
    }

    [Fact]
    public void Standings_AfterSome_SayMediansOfTimesAndBytes()
    {
        foreach (int i in (int[])[5, 1, 9])
        {
            _policy.Add(Long, HandOffWay.Direct, TimeSpan.FromMilliseconds(i), 100 * i);
        }

        HandOffStanding direct = Standing(Long, HandOffWay.Direct);

        Assert.Equal((3, TimeSpan.FromMilliseconds(5), 500L), (direct.Count, direct.MedianTime, direct.MedianBytes));
        Assert.Equal(0, Standing(Long, HandOffWay.Store).Count);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(255, 64)]
    [InlineData(256, 256)]
    [InlineData(1023, 256)]
    [InlineData(4096, 4096)]
    public void Class_OfTokens_IsThePowerOfFourBelow(int tokenCount, int minTokenCount) =>
        Assert.Equal(minTokenCount, HandOffClass.Of(default, tokenCount).MinTokenCount);

    private HandOffChoice[] Run(HandOffClass what, int count, int storeMs, int directMs) => Run(_policy, what, count, storeMs, directMs);

    private HandOffChoice[] Run(HandOffPolicy policy, HandOffClass what, int count, int storeMs, int directMs)
    {
        var choices = new HandOffChoice[count];
        for (int i = 0; i < count; i++)
        {
            choices[i] = policy.Choose(what);
            policy.Add(what, choices[i].Way, TimeSpan.FromMilliseconds(choices[i].Way == HandOffWay.Direct ? directMs : storeMs), 1000);
            _time.Advance(TimeSpan.FromMilliseconds(50));
        }

        return choices;
    }

    private HandOffStanding Standing(HandOffClass what, HandOffWay way) => _policy.Standings().Single(standing => standing.Class == what && standing.Way == way);
}
