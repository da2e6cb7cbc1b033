using Orleans.Enumeration;

namespace Orleans.Runtime;

/// <summary>Tunes enumerations of grains.</summary>
public static class AsyncEnumerableExtensions
{
    /// <summary>At most this many items that are ready at once travel together; the default is 100. No effect on other enumerables.</summary>
    public static IAsyncEnumerable<T> WithBatchSize<T>(this IAsyncEnumerable<T> self, int maxBatchSize)
    {
        if (self is GrainEnumerable<T> enumerable)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxBatchSize);
            enumerable.MaxBatchSize = maxBatchSize;
        }

        return self;
    }
}

/// <summary>The grain no longer knows an enumeration: it was deactivated, or the consumer paused longer than the response timeout.</summary>
public sealed class EnumerationAbortedException : Exception
{
    public EnumerationAbortedException()
    {
    }

    public EnumerationAbortedException(string message)
        : base(message)
    {
    }

    public EnumerationAbortedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
