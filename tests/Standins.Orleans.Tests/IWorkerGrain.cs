using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IWorkerGrain : IGrainWithIntegerKey
{
    public Task<string> Work(string name);
}
