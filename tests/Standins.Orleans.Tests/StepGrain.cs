using Orleans;
using Orleans.Concurrency;

namespace KvCluster.Standins.Orleans.Tests;

/// <summary>Calls that write when they begin and end, and wait at a gate of their name in between.</summary>
public interface IStepGrain : IGrainWithStringKey
{
    public Task<string> Step(string name);

    [ReadOnly]
    public Task Read(string name);

    [AlwaysInterleave]
    public ValueTask Interleave(string name);

    [OneWay]
    public Task Post(string name);

    public Task<string> Key();

    public ValueTask<int> Throw(string message);

    public Task CancelMe(string name, CancellationToken cancellationToken);

    public Task CallSelf();
}

internal abstract class StepGrainBase(Journal journal) : Grain
{
    public async Task<string> Step(string name)
    {
        await Pass(name);
        return name;
    }

    public Task Read(string name) => Pass(name);

    public async ValueTask Interleave(string name) => await Pass(name);

    public Task Post(string name) => Pass(name);

    public Task<string> Key() => Task.FromResult(this.GetPrimaryKeyString());

    public async ValueTask<int> Throw(string message)
    {
        await Task.Yield();
        throw new InvalidDataException($"{message} in {this.GetPrimaryKeyString()}");
    }

    public async Task CancelMe(string name, CancellationToken cancellationToken)
    {
        journal.Write($"{name} begins");
        try
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
        finally
        {
            journal.Write($"{name} ends, cancelled: {cancellationToken.IsCancellationRequested}");
        }
    }

    public Task CallSelf() => GrainFactory.GetGrain<IStepGrain>(this.GetPrimaryKeyString(), GetType().FullName).Key();

    private async Task Pass(string name)
    {
        journal.Write($"{name} begins");
        await journal.Pass(name);
        journal.Write($"{name} ends");
    }
}

internal sealed class StepGrain(Journal journal) : StepGrainBase(journal), IStepGrain;

[Reentrant]
internal sealed class ReentrantStepGrain(Journal journal) : StepGrainBase(journal), IStepGrain;
