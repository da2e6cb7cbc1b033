using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>A storage provider, registered as a keyed service under its name.</summary>
public interface IGrainStorage
{
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);
}
