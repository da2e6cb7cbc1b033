using KvCluster.KvStore.Redis;

namespace KvCluster.KvStore.Tests.Redis;

public sealed class KnownBlocksTests
{
    private readonly TestTimeProvider _time = new();

    [Fact]
    public void TryGetSize_AfterItsTime_ForgetsUnlessItWasRenewed()
    {
        var known = new KnownBlocks(_time, TimeSpan.FromSeconds(30), 100);
        known.Add(TestSlabs.Id(1), 10);
        known.Add(TestSlabs.Id(2), 20);
        _time.Advance(TimeSpan.FromSeconds(20));
        known.Add(TestSlabs.Id(1), 11);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.True(known.TryGetSize(TestSlabs.Id(1), out long sizeBytes));
        Assert.Equal(11, sizeBytes);
        Assert.False(known.TryGetSize(TestSlabs.Id(2), out _));
        known.Add(TestSlabs.Id(3), 30);
        Assert.Equal(2, known.Count);
    }

    [Fact]
    public void Add_OverTheLimit_ForgetsTheOldest()
    {
        var known = new KnownBlocks(_time, TimeSpan.FromSeconds(30), 3);
        foreach (int number in new[] { 1, 2, 3, 1, 4 })
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            known.Add(TestSlabs.Id(number), number);
        }

        Assert.Equal([1, 3, 4], Enumerable.Range(0, 6).Where(number => known.TryGetSize(TestSlabs.Id(number), out _)));
        Assert.True(known.Remove(TestSlabs.Id(3)));
        known.Clear();
        Assert.Equal(0, known.Count);
    }
}
