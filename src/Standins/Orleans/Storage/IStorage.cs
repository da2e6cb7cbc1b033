namespace Orleans.Core;

/// <summary>A stored record without its content.</summary>
public interface IStorage
{
    /// <summary>The version last read or written; null when there is no record.</summary>
    public string? Etag { get; }

    public bool RecordExists { get; }

    public Task ClearStateAsync();

    public Task WriteStateAsync();

    public Task ReadStateAsync();

    public Task ClearStateAsync(CancellationToken cancellationToken) => ClearStateAsync();

    public Task WriteStateAsync(CancellationToken cancellationToken) => WriteStateAsync();

    public Task ReadStateAsync(CancellationToken cancellationToken) => ReadStateAsync();
}

/// <summary>A stored record.</summary>
public interface IStorage<TState> : IStorage
{
    /// <summary>The working copy; it is stored by <see cref="IStorage.WriteStateAsync()"/> alone.</summary>
    public TState State { get; set; }
}
