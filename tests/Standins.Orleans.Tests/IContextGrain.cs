using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IContextGrain : IGrainWithIntegerKey
{
    public Task<string> ReplaceTenant(string tenant);

    public Task<long> Integer();
}
