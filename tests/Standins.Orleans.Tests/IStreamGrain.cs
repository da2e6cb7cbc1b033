using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IStreamGrain : IGrainWithStringKey
{
    /// <summary>Counts up; before each item it passes the gate <c>item N</c>, if <paramref name="gated"/>.</summary>
    public IAsyncEnumerable<int> Count(int count, bool gated, CancellationToken cancellationToken = default);

    public IAsyncEnumerable<int> Plain(CancellationToken cancellationToken);

    public IAsyncEnumerable<string> FailAfter(int count);

    public Task<int> Echo(int value);

    public Task Leave();
}
