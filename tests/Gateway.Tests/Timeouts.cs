namespace KvCluster.Gateway.Tests;

/// <summary>Ends a test that hangs.</summary>
internal static class Timeouts
{
    /// <summary>Long, for machines that run many things at once.</summary>
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    public static CancellationToken Token() => new CancellationTokenSource(Long).Token;

    /// <summary>Waits for a state that another process's turn brings about.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var timeout = new CancellationTokenSource(Long);
        while (!await condition())
        {
            try
            {
                await timer.WaitForNextTickAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"not within {Long.TotalSeconds} s: {what}");
            }
        }
    }
}
