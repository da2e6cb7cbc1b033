using Orleans.Core;

namespace Orleans.Runtime;

/// <summary>State injected by <see cref="PersistentStateAttribute"/>; read before OnActivateAsync runs.</summary>
public interface IPersistentState<TState> : IStorage<TState>
{
}

/// <summary>Which state, in which storage.</summary>
public interface IPersistentStateConfiguration
{
    public string StateName { get; }

    public string? StorageName { get; }
}

/// <summary>Injects an <see cref="IPersistentState{TState}"/> into a constructor parameter.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
public class PersistentStateAttribute : Attribute, IFacetMetadata, IPersistentStateConfiguration
{
    /// <param name="stateName">The record's name within the grain.</param>
    /// <param name="storageName">The storage provider; null for the default one.</param>
    public PersistentStateAttribute(string stateName, string? storageName = null)
    {
        ArgumentNullException.ThrowIfNull(stateName);
        StateName = stateName;
        StorageName = storageName;
    }

    public string StateName { get; }

    public string? StorageName { get; }
}
