using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>Records in memory, kept apart from the working copies as a database would.</summary>
internal sealed class MemoryStorage : IGrainStorage
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string StateName, GrainId GrainId), (object? State, string Etag)> _records = [];
    private long _lastEtag;

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        lock (_gate)
        {
            var exists = _records.TryGetValue((stateName, grainId), out var record);
            grainState.State = exists ? (T)StateCopier.Copy(record.State)! : StateFactory.New<T>();
            grainState.ETag = exists ? record.Etag : null;
            grainState.RecordExists = exists;
        }

        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        lock (_gate)
        {
            if (Conflict(stateName, grainId, grainState.ETag) is { } conflict)
            {
                return Task.FromException(conflict);
            }

            var etag = (++_lastEtag).ToString();
            _records[(stateName, grainId)] = (StateCopier.Copy(grainState.State), etag);
            grainState.ETag = etag;
            grainState.RecordExists = true;
        }

        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        lock (_gate)
        {
            if (Conflict(stateName, grainId, grainState.ETag) is { } conflict)
            {
                return Task.FromException(conflict);
            }

            _records.Remove((stateName, grainId));
            grainState.State = StateFactory.New<T>();
            grainState.ETag = null;
            grainState.RecordExists = false;
        }

        return Task.CompletedTask;
    }

    private InconsistentStateException? Conflict(string stateName, GrainId grainId, string? etag)
    {
        var stored = _records.TryGetValue((stateName, grainId), out var record) ? record.Etag : null;
        return stored == etag
            ? null
            : new InconsistentStateException($"State '{stateName}' of {grainId} was written by someone else since it was read.", stored, etag);
    }
}
