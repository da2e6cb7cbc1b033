using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface ICompoundGrain : IGrainWithGuidCompoundKey
{
    public Task<(Guid Key, string? Extension)> Key();
}

/// <summary>No class implements it.</summary>
internal interface INobodyGrain : IGrainWithStringKey;
