namespace Orleans.Core;

/// <summary>A stored record.</summary>
public interface IStorage<TState> : IStorage
{
    /// <summary>The working copy; it is stored by <see cref="IStorage.WriteStateAsync()"/> alone.</summary>
    public TState State { get; set; }
}
