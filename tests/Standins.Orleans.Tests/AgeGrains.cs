using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IAgeGrain : IGrainWithStringKey
{
    public Task Touch();
}

[KeepAlive]
internal sealed class KeptGrain(Journal journal) : Grain, IAgeGrain
{
    public Task Touch() => Task.CompletedTask;

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        journal.Write("kept ends");
        return Task.CompletedTask;
    }
}

[CollectionAgeLimit(Hours = 2)]
internal sealed class OldGrain(Journal journal) : Grain, IAgeGrain
{
    public Task Touch() => Task.CompletedTask;

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        journal.Write("old ends");
        return Task.CompletedTask;
    }
}
