using System.Runtime.CompilerServices;
using System.Threading.Channels;
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

internal sealed class StreamGrain(Journal journal) : Grain, IStreamGrain
{
    public async IAsyncEnumerable<int> Count(int count, bool gated, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var home = TaskScheduler.Current;
        try
        {
            for (var i = 0; i < count; i++)
            {
                if (gated)
                {
                    journal.Write($"waits for {i}");
                    await journal.Pass($"item {i}").WaitAsync(cancellationToken);
                }

                yield return i;
            }
        }
        finally
        {
            await Task.Yield();
            journal.Write($"finally at home: {home == TaskScheduler.Current && home != TaskScheduler.Default}");
        }
    }

    public IAsyncEnumerable<int> Plain(CancellationToken cancellationToken)
    {
        cancellationToken.Register(() => journal.Write("plain cancelled"));
        journal.Write("plain begins");
        return Channel.CreateUnbounded<int>().Reader.ReadAllAsync(cancellationToken);
    }

    public async IAsyncEnumerable<string> FailAfter(int count)
    {
        for (var i = 0; i < count; i++)
        {
            yield return $"{i}";
        }

        await Task.Yield();
        throw new InvalidDataException($"failed after {count}");
    }

    public Task<int> Echo(int value) => Task.FromResult(value);

    public Task Leave()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
