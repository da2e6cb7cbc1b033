using Orleans;

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
