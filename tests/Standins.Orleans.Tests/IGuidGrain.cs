using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IGuidGrain : IGrainWithGuidKey
{
    public Task<(Guid Key, string? Extension)> Key();
}
