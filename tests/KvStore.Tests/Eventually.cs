namespace KvCluster.KvStore.Tests;

internal static class Eventually
{
    /// <summary>For what happens in the background without a signal.</summary>
    public static async Task TrueAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!condition())
        {
            Assert.True(await poll.WaitForNextTickAsync(limit.Token));
        }
    }
}
