using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>A storage provider, registered as a keyed service under its name.</summary>
public interface IGrainStorage
{
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);
}

/// <summary>A storage provider is missing or misconfigured.</summary>
public sealed class BadProviderConfigException : OrleansException
{
    public BadProviderConfigException()
    {
    }

    public BadProviderConfigException(string msg)
        : base(msg)
    {
    }

    public BadProviderConfigException(string msg, Exception exc)
        : base(msg, exc)
    {
    }
}

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
