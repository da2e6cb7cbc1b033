using KvCluster.Inference.Engine;
using KvCluster.Standins.Orleans.Tests;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Tests.Engine;

public sealed class StepWatchTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(8);

    [Fact]
    public void Begin_StepThatDoesNotEnd_HangsOnceAndSoonAfterTheLimit()
    {
        var time = new TestTimeProvider();
        var hangs = 0;
        using var watch = new StepWatch(Limit, time, () => hangs++);
        time.Advance(10 * Limit);
        watch.Begin();
        time.Advance(Limit);
        Assert.Equal((0, false), (hangs, watch.HasHung));
        time.Advance(Limit / 4);
        Assert.Equal((1, true), (hangs, watch.HasHung));

        // Too late: the engine's thread must know when it comes back.
        watch.End();
        time.Advance(10 * Limit);
        Assert.Equal((1, true), (hangs, watch.HasHung));
    }

    [Fact]
    public void End_StepsWithinTheLimit_NoneHangs()
    {
        var time = new TestTimeProvider();
        var hangs = 0;
        using var watch = new StepWatch(Limit, time, () => hangs++);
        for (var step = 0; step < 5; step++)
        {
            watch.Begin();
            time.Advance(Limit);
            watch.End();
        }

        time.Advance(10 * Limit);
        Assert.Equal((0, false), (hangs, watch.HasHung));
    }

    [Fact]
    public void Begin_LimitBelowATimersGrain_HangsAllTheSame()
    {
        using var hung = new ManualResetEventSlim();
        using var watch = new StepWatch(TimeSpan.FromMilliseconds(4), TimeProvider.System, hung.Set);

        // A timer that fires but once has done so by now.
        using var passed = new ManualResetEventSlim();
        using var other = new Timer(_ => passed.Set(), null, 20, Timeout.Infinite);
        Assert.True(passed.Wait(Patience));
        watch.Begin();
        Assert.True(hung.Wait(Patience));
    }

    [Fact]
    public async Task Dispose_StepHangs_ReturnsOnceItIsAbandoned()
    {
        using var begun = new ManualResetEventSlim();
        using var released = new ManualResetEventSlim();
        using var left = new ManualResetEventSlim();
        var thread = new EngineThread("hung", () =>
        {
            begun.Set();
            released.Wait(Patience);
            left.Set();
            return false;
        });
        thread.Start();
        Assert.True(begun.Wait(Patience));
        var disposal = Task.Run(thread.Dispose);

        // Nobody has abandoned it yet.
        await Assert.ThrowsAsync<TimeoutException>(() => disposal.WaitAsync(TimeSpan.FromMilliseconds(200)));
        thread.Abandon();
        await disposal.WaitAsync(Patience);
        Assert.False(left.IsSet);
        released.Set();
        Assert.True(left.Wait(Patience));
    }

    [Fact]
    public async Task Dispose_StepThatEnds_IsWaitedFor()
    {
        using var begun = new ManualResetEventSlim();
        using var released = new ManualResetEventSlim();
        var hasEnded = false;
        var thread = new EngineThread("slow", () =>
        {
            begun.Set();
            released.Wait(Patience);
            hasEnded = true;
            return false;
        });
        thread.Start();
        Assert.True(begun.Wait(Patience));
        var disposal = Task.Run(thread.Dispose);
        released.Set();
        await disposal.WaitAsync(Patience);
        Assert.True(hasEnded);
    }
}
