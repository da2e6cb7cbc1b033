namespace Orleans.Enumeration;

/// <summary>One enumeration at the grain's side.</summary>
internal abstract class Entry
{
    /// <summary>Whether nobody has polled for the response timeout, nor is waiting.</summary>
    public abstract bool IsForgotten { get; }

    public abstract Task ReleaseAsync();

    public abstract Task DisposeAsync();
}
