using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>
/// A record was written by someone else since it was read. When it leaves a grain call, the activation ends, so that the next one
/// reads the record again.
/// </summary>
public class InconsistentStateException : OrleansException
{
    public InconsistentStateException()
        : this("The stored record has another version than the one read.")
    {
    }

    public InconsistentStateException(string message)
        : base(message)
    {
    }

    public InconsistentStateException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public InconsistentStateException(string errorMsg, string? storedEtag, string? currentEtag)
        : base($"{errorMsg} Stored: {storedEtag ?? "none"}, expected: {currentEtag ?? "none"}.")
    {
        StoredEtag = storedEtag;
        CurrentEtag = currentEtag;
    }

    public string? StoredEtag { get; }

    public string? CurrentEtag { get; }

    /// <summary>The activation whose storage threw; it is ended once.</summary>
    internal object? Origin { get; set; }
}
