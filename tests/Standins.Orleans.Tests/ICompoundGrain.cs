using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface ICompoundGrain : IGrainWithGuidCompoundKey
{
    public Task<(Guid Key, string? Extension)> Key();
}
