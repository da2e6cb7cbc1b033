using Orleans.Core;

namespace Orleans.Runtime;

/// <summary>State injected by <see cref="PersistentStateAttribute"/>; read before OnActivateAsync runs.</summary>
public interface IPersistentState<TState> : IStorage<TState>
{
}
