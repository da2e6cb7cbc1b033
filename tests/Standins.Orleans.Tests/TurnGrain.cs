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

/// <summary>Leaves its scheduler and comes back in all the ways there are, and counts the turns that overlap.</summary>
internal abstract class TurnGrainBase(Journal journal) : Grain
{
    private int _inTurnCount;
    private int _overlapCount;

    public Task Write(int id) => Work(id);

    public Task Read(int id) => Work(id);

    public Task Interleave(int id) => Work(id);

    public Task<int> OverlapCount() => Task.FromResult(_overlapCount);

    private async Task Work(int id)
    {
        journal.Write($"{id} begins");
        Turn();
        await Task.Yield();
        Turn();
        await Task.Run(static () => Thread.SpinWait(50));
        Turn();
        await Inner();
        await Task.WhenAll(Inner(), Task.Factory.StartNew(Turn, CancellationToken.None, TaskCreationOptions.None, TaskScheduler.Current));
        Turn();
        journal.Write($"{id} ends");
    }

    private async Task Inner()
    {
        Turn();
        await Task.Run(static () => Thread.SpinWait(50)).ConfigureAwait(true);
        Turn();
    }

    private void Turn()
    {
        if (Interlocked.Increment(ref _inTurnCount) != 1)
        {
            Interlocked.Increment(ref _overlapCount);
        }

        // Lets another thread in, should there be one in this activation.
        Thread.SpinWait(200);
        Thread.Yield();
        Thread.SpinWait(200);
        Interlocked.Decrement(ref _inTurnCount);
    }
}

internal sealed class TurnGrain(Journal journal) : TurnGrainBase(journal), ITurnGrain;

[Reentrant]
internal sealed class ReentrantTurnGrain(Journal journal) : TurnGrainBase(journal), ITurnGrain;
