namespace KvCluster.KvStore.Tests;

internal static class Eventually
{
    private const int MaxTicks = 3000;

    /// <summary>For what happens in the background without a signal. Counts ticks, which a machine that stands still does not use up.</summary>
    public static async Task TrueAsync(Func<bool> condition)
    {
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        for (int tick = 0; !condition(); tick++)
        {
            Assert.True(tick < MaxTicks, $"not within {MaxTicks} ticks");
            await poll.WaitForNextTickAsync();
        }
    }
}
