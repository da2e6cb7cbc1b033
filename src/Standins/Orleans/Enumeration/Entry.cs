namespace Orleans.Enumeration;

/// <summary>One enumeration at the grain's side.</summary>
internal abstract class Entry
{
    /// <summary>Whether nobody has polled for the response timeout, nor is waiting.</summary>
    public abstract bool IsForgotten { get; }

    /// <summary>Lets the waiting poll return without an item; later ones do not wait either.</summary>
    public abstract void Release();

    public abstract Task DisposeAsync();
}
