using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IGuidGrain : IGrainWithGuidKey
{
    public Task<(Guid Key, string? Extension)> Key();
}

internal sealed class GuidGrain : Grain, IGuidGrain, ICompoundGrain
{
    public Task<(Guid Key, string? Extension)> Key() => Task.FromResult((this.GetPrimaryKey(out var extension), extension));
}
