using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IAgeGrain : IGrainWithStringKey
{
    public Task Touch();
}
