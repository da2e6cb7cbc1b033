namespace KvCluster.Standins.Orleans.Tests;

/// <summary>No await in a test may hang.</summary>
internal static class PatienceExtensions
{
    public static Task Soon(this Task task) => task.WaitAsync(TestSilo.Patience);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(TestSilo.Patience);

    public static Task Soon(this ValueTask task) => task.AsTask().Soon();

    public static Task<T> Soon<T>(this ValueTask<T> task) => task.AsTask().Soon();
}
