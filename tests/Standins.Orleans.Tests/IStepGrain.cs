using Orleans;
using Orleans.Concurrency;

namespace KvCluster.Standins.Orleans.Tests;

/// <summary>Calls that write when they begin and end, and wait at a gate of their name in between.</summary>
public interface IStepGrain : IGrainWithStringKey
{
    public Task<string> Step(string name);

    [ReadOnly]
    public Task Read(string name);

    [AlwaysInterleave]
    public ValueTask Interleave(string name);

    [OneWay]
    public Task Post(string name);

    public Task<string> Key();

    public ValueTask<int> Throw(string message);

    public Task CancelMe(string name, CancellationToken cancellationToken);

    public Task CallSelf();
}
