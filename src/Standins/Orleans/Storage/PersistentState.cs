using System.Runtime.CompilerServices;
using Orleans.Activations;
using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>A record of an activation and the storage it lives in.</summary>
internal sealed class PersistentState<T>(Activation activation, string stateName, IGrainStorage storage) : IPersistentState<T>
{
    private readonly GrainState<T> _record = new(StateFactory.New<T>());

    public T State
    {
        get => _record.State;
        set => _record.State = value;
    }

    public string? Etag => _record.ETag;

    public bool RecordExists => _record.RecordExists;

    public Task ReadStateAsync() => GuardAsync(storage.ReadStateAsync(stateName, activation.GrainId, _record));

    public Task WriteStateAsync() => GuardAsync(storage.WriteStateAsync(stateName, activation.GrainId, _record));

    public Task ClearStateAsync() => GuardAsync(storage.ClearStateAsync(stateName, activation.GrainId, _record));

    private async Task GuardAsync(Task operation)
    {
        try
        {
            await operation;
        }
        catch (InconsistentStateException conflict)
        {
            conflict.Origin = activation;
            throw;
        }
    }
}

/// <summary>The state of a record that does not exist.</summary>
internal static class StateFactory
{
    public static T New<T>()
    {
        if (typeof(T).IsValueType || typeof(T) == typeof(string) || typeof(T).IsArray)
        {
            return default!;
        }

        return typeof(T).GetConstructor(Type.EmptyTypes) is not null
            ? Activator.CreateInstance<T>()
            : (T)RuntimeHelpers.GetUninitializedObject(typeof(T));
    }
}
