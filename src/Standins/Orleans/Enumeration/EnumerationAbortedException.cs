namespace Orleans.Runtime;

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
