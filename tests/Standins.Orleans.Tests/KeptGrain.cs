using Orleans;

namespace KvCluster.Standins.Orleans.Tests;

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
