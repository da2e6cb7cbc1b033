namespace KvCluster.KvStore.Tests;

internal static class Timeouts
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>No await of a test may hang.</summary>
    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Limit);

    public static Task Soon(this Task task) => task.WaitAsync(Limit);

    public static Task<T> Soon<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Limit);
}
