using Orleans.Activations;
using Orleans.Calls;
using Orleans.Proxies;
using Orleans.Runtime;

namespace Orleans.Timers;

/// <summary>A grain timer; its tick is a one-way request of the activation to itself, one at a time.</summary>
internal abstract class GrainTimer : GrainCall, IGrainTimer
{
    private static readonly GrainMethod Tick = new(typeof(GrainTimer).GetMethod(nameof(InvokeAsync))!);

    private readonly Lock _gate = new();
    private readonly Activation _owner;
    private readonly GrainTimerCreationOptions _options;
    private readonly CancellationTokenSource _cancellation = new();
    private readonly ITimer _timer;
    private TimeSpan _dueTime;
    private TimeSpan _period;
    private bool _isTicking;
    private bool _isChanged;

    protected GrainTimer(Activation owner, GrainTimerCreationOptions options)
    {
        _owner = owner;
        _options = options;
        Target = owner.GrainReference;
        Method = Tick;
        _timer = CreateTimer(owner.Silo.Clock);
    }

    public override bool IsAlwaysInterleave => _options.Interleave;

    public override bool IsReadOnly => false;

    public override bool KeepsActive => _options.KeepAlive;

    public abstract Task InvokeAsync(CancellationToken cancellationToken);

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        Check(dueTime, nameof(dueTime));
        Check(period, nameof(period));
        lock (_gate)
        {
            (_dueTime, _period, _isChanged) = (dueTime, period, true);
            if (!_isTicking && !_cancellation.IsCancellationRequested)
            {
                _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
            }
        }
    }

    public void Dispose()
    {
        _cancellation.Cancel();
        _timer.Dispose();
        _owner.Forget(this);
    }

    public override void Run() => _ = RunAsync();

    /// <summary>Nobody waits for a tick.</summary>
    public override void Fail(Exception exception)
    {
    }

    private static void Check(TimeSpan time, string name)
    {
        var milliseconds = (long)time.TotalMilliseconds;
        ArgumentOutOfRangeException.ThrowIfLessThan(milliseconds, -1, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(milliseconds, uint.MaxValue - 1, name);
    }

    /// <summary>Ticks know nothing of the call that made the timer.</summary>
    private ITimer CreateTimer(TimeProvider clock)
    {
        using var flow = ExecutionContext.SuppressFlow();
        return clock.CreateTimer(static self => ((GrainTimer)self!).OnDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private void OnDue()
    {
        lock (_gate)
        {
            if (_isTicking || _cancellation.IsCancellationRequested)
            {
                return;
            }

            _isTicking = true;
        }

        // Refused by an activation that is ending: no further tick.
        _owner.TryReceive(this);
    }

    private async Task RunAsync()
    {
        try
        {
            lock (_gate)
            {
                _isChanged = false;
            }

            if (!_cancellation.IsCancellationRequested)
            {
                await InvokeAsync(_cancellation.Token);
            }
        }
        catch (Exception exception)
        {
            if (!_cancellation.IsCancellationRequested || exception is not OperationCanceledException)
            {
                Log.TimerFailed(_owner.Silo.Logger, _owner.GrainId, exception);
            }
        }

        _owner.OnCompleted(this, null);
        lock (_gate)
        {
            _isTicking = false;
            if (!_cancellation.IsCancellationRequested)
            {
                _timer.Change(_isChanged ? _dueTime : _period, Timeout.InfiniteTimeSpan);
            }
        }
    }
}

internal sealed class GrainTimer<TState>(
    Activation owner, Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options)
    : GrainTimer(owner, options)
{
    public override Task InvokeAsync(CancellationToken cancellationToken) => callback(state, cancellationToken);
}
