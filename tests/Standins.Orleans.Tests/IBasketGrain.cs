using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IBasketGrain : IGrainWithStringKey
{
    public Task Put(string owner, string item, int count);

    public Task<string> Describe();

    public Task Write();

    public Task Read();

    public Task Clear();

    /// <summary>Writes through a second handle to the same record.</summary>
    public Task WriteBehindItsBack();

    public Task Leave();
}
