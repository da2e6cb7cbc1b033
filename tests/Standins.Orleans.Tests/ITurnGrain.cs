using Orleans;
using Orleans.Concurrency;

namespace KvCluster.Standins.Orleans.Tests;

internal interface ITurnGrain : IGrainWithStringKey
{
    public Task Write(int id);

    [ReadOnly]
    public Task Read(int id);

    [AlwaysInterleave]
    public Task Interleave(int id);

    public Task<int> OverlapCount();
}
