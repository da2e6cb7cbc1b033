using Orleans;
using Orleans.Runtime;

namespace KvCluster.Standins.Orleans.Tests;

internal interface ILifeGrain : IGrainWithStringKey
{
    /// <summary>Names this activation, so that a fresh one is told apart.</summary>
    public Task<string> Activation();

    public Task Wait(string gate);

    public Task DeactivateOnIdle();

    public Task Delay(TimeSpan time);

    public Task StartTimer(string name, TimeSpan dueTime, TimeSpan period, bool interleave, bool keepAlive);

    public Task ChangeTimer(TimeSpan dueTime, TimeSpan period);

    public Task StopTimer();
}

/// <summary>Keys steer it: <c>fails</c> throws while activating, <c>leaves</c> deactivates in it, <c>slow end</c> waits while deactivating.</summary>
internal sealed class LifeGrain(Journal journal) : Grain, ILifeGrain, IDisposable
{
    private IGrainTimer? _timer;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        journal.Write("activated");
        switch (this.GetPrimaryKeyString())
        {
            case "fails":
                throw new InvalidDataException("no activation");
            case "leaves":
                base.DeactivateOnIdle();
                break;
        }

        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        journal.Write($"deactivating {reason.ReasonCode}");
        if (this.GetPrimaryKeyString() == "slow end")
        {
            await journal.Pass("slow end");
        }

        journal.Write("deactivated");
    }

    public void Dispose()
    {
        journal.Write("disposed");
    }

    public Task<string> Activation() => Task.FromResult(GrainContext.ActivationId.ToString());

    public async Task Wait(string gate)
    {
        journal.Write($"{gate} begins");
        await journal.Pass(gate);
    }

    Task ILifeGrain.DeactivateOnIdle()
    {
        base.DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task Delay(TimeSpan time)
    {
        DelayDeactivation(time);
        return Task.CompletedTask;
    }

    public Task StartTimer(string name, TimeSpan dueTime, TimeSpan period, bool interleave, bool keepAlive)
    {
        var count = 0;
        _timer = this.RegisterGrainTimer(
            async (state, token) =>
            {
                var tick = $"{state} {++count}";
                journal.Write($"{tick} begins");
                await journal.Pass(tick).WaitAsync(token);
                journal.Write($"{tick} ends");
                if (count == 2)
                {
                    throw new InvalidDataException("a bad tick");
                }
            },
            name,
            new GrainTimerCreationOptions(dueTime, period) { Interleave = interleave, KeepAlive = keepAlive });
        return Task.CompletedTask;
    }

    public Task ChangeTimer(TimeSpan dueTime, TimeSpan period)
    {
        _timer!.Change(dueTime, period);
        return Task.CompletedTask;
    }

    public Task StopTimer()
    {
        _timer!.Dispose();
        return Task.CompletedTask;
    }
}
